"""The machine of rules: what it says, what it keeps to itself, and that no course of things makes it say too much."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from alerts.machine import (
    BURST,
    SAID_IN_A_BURST,
    Decision,
    Occurrence,
    Reading,
    Settings,
    State,
    Why,
    lapse,
    occur,
    step,
    wakes,
    without_cooldown,
)
from alerts.models import Outcome

T = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = Settings()


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def reading(value: int | None, threshold: int = 10, **more: object) -> Reading:
    return Reading(None if value is None else Decimal(value), Decimal(threshold), **more)


def told(decisions: list[Decision]) -> list[tuple[Outcome, bool, str]]:
    return [(one.outcome, one.said, str(one.reason)) for one in decisions]


def course(values: list[Reading | int], settings: Settings = OPEN, state: State | None = None) -> list[Decision]:
    """A reading a minute."""
    state, found = state or State(), list[Decision]()
    for minute, value in enumerate(values):
        shown = reading(value) if isinstance(value, int) else value
        state, decisions = step(state, shown, settings, at(minute))
        found += decisions
    return found


FIRED, RECOVERED = (Outcome.FIRED, True, ""), (Outcome.RECOVERED, True, "")


def test_it_fires_when_the_threshold_is_passed_and_recovers_when_it_is_not_any_more() -> None:
    decisions = course([9, 10, 11, 12, 11, 10, 9])
    assert told(decisions) == [FIRED, RECOVERED]
    assert [one.at for one in decisions] == [at(2), at(5)]
    assert [one.since for one in decisions] == [at(2), at(2)]


def test_with_hysteresis_it_recovers_only_when_it_came_back_far_enough() -> None:
    assert told(course([11, 10, 9, 8], Settings(hysteresis=20))) == [FIRED, RECOVERED]
    assert told(course([11, 10, 9], Settings(hysteresis=20))) == [FIRED]


def test_between_two_beginnings_lies_the_cooldown() -> None:
    settings = Settings(cooldown=timedelta(minutes=5))
    decisions = course([11, 0, 11, 0], settings)
    assert told(decisions) == [
        FIRED,
        RECOVERED,
        (Outcome.SUPPRESSED, False, Why.COOLDOWN),
        (Outcome.RECOVERED, False, Why.NEVER_SAID),
    ]


def test_what_still_holds_when_the_cooldown_is_over_is_told_then() -> None:
    settings = Settings(cooldown=timedelta(minutes=5))
    decisions = course([11, 0, 11, 11, 11, 11, 11], settings)
    assert told(decisions) == [FIRED, RECOVERED, (Outcome.SUPPRESSED, False, Why.COOLDOWN), FIRED]
    assert decisions[-1].at == at(5)
    assert decisions[-1].since == at(2)


def test_a_message_that_reached_nobody_begins_no_cooldown() -> None:
    settings = Settings(cooldown=HOUR)
    state, _ = step(State(), reading(11), settings, at(0))
    state, _ = step(state, reading(0), settings, at(1))
    _, decisions = step(without_cooldown(state), reading(11), settings, at(2))
    assert told(list(decisions)) == [FIRED]


def test_what_is_silenced_muted_or_has_no_channel_is_noted_once_and_told_when_it_may_be() -> None:
    assert told(course([11, 12, 13], Settings(test_mode=True))) == [(Outcome.SKIPPED, False, Why.TEST_MODE)]
    assert told(course([11, 12, 13], Settings(channels=False))) == [(Outcome.SKIPPED, False, Why.NO_CHANNEL)]
    decisions = course([11, 12, 13], Settings(silenced_until=at(2)))
    assert told(decisions) == [(Outcome.SUPPRESSED, False, Why.SILENCED), FIRED]
    assert decisions[1].since == at(0)


def test_a_recovery_within_a_silence_is_no_message() -> None:
    state, _ = step(State(), reading(11), OPEN, at(0))
    _, decisions = step(state, reading(0), Settings(silenced_until=at(9)), at(1))
    assert told(list(decisions)) == [(Outcome.RECOVERED, False, Why.SILENCED)]


def test_what_is_not_judged_changes_nothing_and_is_noted_once() -> None:
    stale = "Held back."
    decisions = course([5, reading(99, why_not=stale), reading(99, why_not=stale), 11, reading(0, why_not=stale), 11])
    assert told(decisions) == [(Outcome.SKIPPED, False, stale), FIRED, (Outcome.SKIPPED, False, stale)]
    assert told(course([reading(9, why_not=stale), reading(None), reading(None, why_not=stale)])) == []


def test_another_day_begins_anew_and_its_end_is_no_message() -> None:
    decisions = course([reading(11, epoch="1"), reading(0, epoch="2"), reading(11, epoch="2"), reading(12, epoch="3")])
    assert told(decisions) == [
        FIRED,
        (Outcome.RECOVERED, False, Why.ANEW),
        FIRED,
        (Outcome.RECOVERED, False, Why.ANEW),
        FIRED,
    ]


def test_each_subject_is_told_once_and_again_when_it_comes_back() -> None:
    def broken(*names: str) -> Reading:
        return reading(len(names), 0, subjects=frozenset(names))

    decisions = course([broken("a"), broken("a"), broken("a", "b"), broken("b"), broken("a", "b"), broken()])
    assert [(one.outcome, one.at) for one in decisions] == [
        (Outcome.FIRED, at(0)),
        (Outcome.FIRED, at(2)),
        (Outcome.FIRED, at(4)),
        (Outcome.RECOVERED, at(5)),
    ]


def happen(seconds: list[int], settings: Settings = OPEN, until: int | None = None) -> list[Decision]:
    state, found = State(), list[Decision]()
    for number, second in enumerate(seconds):
        moment = T + timedelta(seconds=second)
        state, decisions = occur(state, Occurrence(moment, f"evt_{number}", 4900, "usd"), settings)
        found += decisions
    if until is not None:
        _, decisions = lapse(state, settings, T + timedelta(seconds=until))
        found += decisions
    return found


def test_a_burst_is_told_in_five_messages_and_one_for_the_rest() -> None:
    decisions = happen(list(range(17)), until=60)
    assert [one.outcome for one in decisions] == [Outcome.FIRED] * 5 + [Outcome.SUPPRESSED] * 12 + [Outcome.FIRED]
    assert {one.reason for one in decisions[5:17]} == {Why.GROUPED}
    rest = decisions[-1]
    assert (rest.group, rest.count, rest.sums, rest.at) == (True, 12, {"usd": 12 * 4900}, T + BURST)


def test_what_comes_after_the_minute_is_told_by_itself_again() -> None:
    assert [one.outcome for one in happen([*range(5), 60, 61])] == [Outcome.FIRED] * 7
    assert happen(list(range(5)), until=59) == happen(list(range(5)), until=60) == happen(list(range(5)))


def test_the_rest_of_a_burst_is_told_before_what_comes_next() -> None:
    decisions = happen([*range(6), 61])
    assert [(one.outcome, one.group) for one in decisions[5:]] == [
        (Outcome.SUPPRESSED, False),
        (Outcome.FIRED, True),
        (Outcome.FIRED, False),
    ]


def test_within_the_cooldown_of_what_happened_nothing_more_is_told() -> None:
    decisions = happen([0, 1, 3599, 3600], Settings(cooldown=HOUR))
    assert [one.outcome for one in decisions] == [Outcome.FIRED, Outcome.SUPPRESSED, Outcome.SUPPRESSED, Outcome.FIRED]


VALUES = st.lists(st.integers(0, 20), max_size=60)
SETTINGS = st.builds(
    Settings,
    cooldown=st.integers(0, 30).map(lambda minutes: timedelta(minutes=minutes)),
    hysteresis=st.integers(0, 100),
    silenced_until=st.none() | st.integers(0, 60).map(at),
)


@given(VALUES, SETTINGS)
def test_messages_alternate_keep_their_distance_and_are_never_said_in_a_silence(
    values: list[int], settings: Settings
) -> None:
    said = [one for one in course(list(values), settings) if one.said]
    kinds = [one.outcome for one in said]
    assert all(before != after for before, after in itertools.pairwise(kinds)) or settings.silenced_until
    assert all(kind in (Outcome.FIRED, Outcome.RECOVERED) for kind in kinds)
    fired = [one.at for one in said if one.outcome == Outcome.FIRED]
    assert all(after - before >= settings.cooldown for before, after in itertools.pairwise(fired))
    assert not settings.silenced_until or all(one.at >= settings.silenced_until for one in said)


@given(VALUES, SETTINGS)
def test_shown_the_same_twice_it_decides_nothing_more(values: list[int], settings: Settings) -> None:
    state = State()
    for minute, value in enumerate(values):
        state, _ = step(state, reading(value), settings, at(minute))
        again, decisions = step(state, reading(value), settings, at(minute))
        assert (again, decisions) == (state, ())


@given(VALUES, SETTINGS)
def test_what_fires_unsaid_wakes_when_it_may_be_said(values: list[int], settings: Settings) -> None:
    state = State()
    for minute, value in enumerate(values):
        state, _ = step(state, reading(value), settings, at(minute))
        wake = wakes(state, settings, at(minute))
        if not state.firing or state.told:
            assert wake is None
        elif wake is None:  # it may be said from now on, and is only not so at the moment
            assert not reading(value).met
            assert step(state, reading(20), settings, at(minute))[0].told
        else:
            later = state
            while wake is not None and not later.told:
                later, _decisions = step(later, reading(20), settings, wake)
                wake = wakes(later, settings, wake)
            assert later.told


@given(st.lists(st.integers(0, 600), max_size=120), st.integers(0, 900))
def test_of_occurrences_none_is_lost_and_no_minute_is_flooded(seconds: list[int], cooldown: int) -> None:
    seconds.sort()
    settings = Settings(cooldown=timedelta(seconds=cooldown))
    decisions = happen(seconds, settings, until=10_000)
    single = [one for one in decisions if not one.group]
    assert sorted(one.key for one in single) == sorted(f"evt_{number}" for number in range(len(seconds)))
    grouped = sum(one.reason == Why.GROUPED for one in single)
    assert sum(one.count for one in decisions if one.group) == grouped
    said = [one.at for one in decisions if one.said]
    for moment in said:
        within = sum(moment <= other < moment + BURST for other in said)
        assert within <= 2 * SAID_IN_A_BURST + 1
    assert said == sorted(said)
    assert Counter(one.outcome for one in decisions if one.said) <= Counter({Outcome.FIRED: len(decisions)})
