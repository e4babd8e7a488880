"""When steps are due: the defaults, each reason to move a step, and what holds for every plan and course."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.plan import FallsTo, Plan
from dunning.schedule import (
    AROUND_ATTEMPT,
    LOOK_AFTER,
    SETTLES,
    Attempt,
    Course,
    Step,
    StepKind,
    allowed,
    due,
    is_quiet,
    on_day,
    skipped,
    steps,
    upcoming,
)

OPENED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def course(*attempts: tuple[float, str | None], announced: float | None = 3, **more: Any) -> Course:
    """Attempts by (days after OPENED, decline); the next one is announced so many days after OPENED."""
    told = tuple(Attempt(OPENED + days * DAY, decline) for days, decline in attempts or ((0.0, "soft"),))
    known = Course(
        attempts=told,
        count=len(told),
        next_attempt=None if announced is None else OPENED + announced * DAY,
        amount=4900,
        currency="usd",
        has_subscription=True,
        settles_at=OPENED + SETTLES,
    )
    return replace(known, **more)


def when(plan: Plan, known: Course) -> list[tuple[str, float]]:
    """Steps by (key without the watch's instants, days after OPENED)."""
    return [
        (s.key.split(":")[0] if s.kind in ("watch", "look") else s.key, (s.at - OPENED) / DAY)
        for s in steps(plan, known)
    ]


SETTLED = SETTLES / DAY
LOOKED = LOOK_AFTER / DAY


def test_a_soft_decline_by_the_defaults() -> None:
    assert when(Plan(), course(announced=4)) == [
        ("first", 3),
        ("watch", pytest.approx(4 + 15 / 1440)),
        ("look", pytest.approx(4 + LOOKED)),
        ("second", 7),
        ("final", 10),
    ]


@pytest.mark.parametrize("decline", ["hard", "card"])
def test_another_card_is_asked_for_at_once_and_there_is_no_first_reminder(decline: str) -> None:
    assert when(Plan(), course((0, decline), announced=None)) == [
        ("at_once:other_card", pytest.approx(SETTLED)),
        ("second", 7),
        ("final", 10),
        ("downgrade", 14),
    ]


def test_a_confirmation_is_asked_for_at_once_also_later() -> None:
    found = when(Plan(retry_watch=False), course((0, "soft"), (3, "authentication")))
    assert found == [
        ("first", 3),
        ("at_once:confirm", pytest.approx(3 + SETTLED)),
        ("second", 7),
        ("final", 10),
    ]


def test_letters_at_once_can_be_turned_off_and_reminders_left_out() -> None:
    plan = Plan(at_once=False, second_days=None, retry_watch=False)
    assert when(plan, course((0, "hard"), announced=4)) == [("first", 3), ("final", 10)]


def test_the_third_attempt_is_told_to_the_team() -> None:
    known = course((0, "soft"), (3, "soft"), (5, "soft"), announced=7)
    assert ("escalate", pytest.approx(5 + SETTLED)) in when(Plan(), known)


def test_attempts_known_by_number_alone_count_too() -> None:
    found = when(Plan(retry_watch=False), course((0, "soft"), count=4))
    assert [step for step in found if step[0] in ("escalate", "downgrade")] == [
        ("escalate", pytest.approx(SETTLED)),
        ("downgrade", 14),
    ]


@pytest.mark.parametrize(("owed", "told"), [(4899, False), (4900, False), (4901, True)])
def test_a_large_amount_is_told_at_once_in_its_own_currency(owed: int, told: bool) -> None:
    plan = Plan(escalate_attempts=None, escalate_amounts={"usd": 4900, "eur": 1})
    found = when(plan, course(amount=owed))
    assert (("escalate", pytest.approx(SETTLED)) in found) is told
    assert not [step for step in when(plan, course(amount=owed, currency="gbp")) if step[0] == "escalate"]


@pytest.mark.parametrize(
    ("attempts", "announced", "falls_on"),
    [
        ([0, 3, 5], 7, None),
        ([0, 3, 5, 7], 9, 14),
        ([0, 3, 5, 7, 15], 20, 15 + SETTLED),
        ([0], None, 14),
    ],
)
def test_access_falls_after_grace_once_the_attempts_are_over(
    attempts: list[float], announced: float | None, falls_on: float | None
) -> None:
    found = dict(when(Plan(), course(*((day, "soft") for day in attempts), announced=announced)))
    assert found.get("downgrade") == (None if falls_on is None else pytest.approx(falls_on))


def test_without_grace_access_falls_once_things_have_settled_and_no_reminder_follows() -> None:
    found = when(Plan(grace_days=0), course((0, "soft"), announced=None))
    assert found == [("downgrade", pytest.approx(SETTLED))]


def test_access_stays_where_the_plan_says_so_and_where_there_is_no_subscription() -> None:
    assert "downgrade" not in dict(when(Plan(falls_to=FallsTo.KEEP), course(announced=None)))
    assert "downgrade" not in dict(when(Plan(), course(announced=None, has_subscription=False)))


def test_what_is_learnt_late_waits_until_it_has_settled() -> None:
    late = course((0, "hard"), announced=None, settles_at=OPENED + 8 * DAY)
    assert when(Plan(), late)[:2] == [("at_once:other_card", 8), ("second", 8)]


# Around an announced attempt ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("announced", "reminded"),
    [
        (DAY * 3 + AROUND_ATTEMPT + timedelta(seconds=1), 3),  # the attempt is too far ahead to be waited for
        (DAY * 3 + AROUND_ATTEMPT, 3 + AROUND_ATTEMPT / DAY + LOOKED),
        (DAY * 3, 3 + LOOKED),
        (DAY * 3 - LOOK_AFTER + timedelta(seconds=1), 3 + timedelta(seconds=1) / DAY),
        (DAY * 3 - LOOK_AFTER, 3),  # its outcome is known
        (DAY * 2, 3),
    ],
)
def test_a_reminder_waits_for_the_outcome_of_an_attempt_about_then(announced: timedelta, reminded: float) -> None:
    found = dict(when(Plan(), course(next_attempt=OPENED + announced)))
    assert found["first"] == pytest.approx(reminded, abs=1e-9)
    assert (found["second"], found["final"]) == (7, 10)


def test_every_reminder_waits_letters_at_once_and_the_team_do_not() -> None:
    plan = Plan(retry_watch=False, first_days=None, escalate_attempts=1)
    soon = OPENED + timedelta(hours=1)
    assert when(plan, course((0, "hard"), next_attempt=soon)) == [
        ("at_once:other_card", pytest.approx(SETTLED)),
        ("escalate", pytest.approx(SETTLED)),
        ("second", 7),
        ("final", 10),
    ]
    assert dict(when(plan, course(announced=7)))["second"] == pytest.approx(7 + LOOKED)
    assert dict(when(plan, course(announced=10)))["final"] == pytest.approx(10 + LOOKED)


def test_once_the_attempt_is_told_failed_the_reminder_is_due_at_once() -> None:
    waiting = course((0, "soft"), announced=3)
    assert dict(when(Plan(), waiting))["first"] == pytest.approx(3 + LOOKED)
    told = course((0, "soft"), (3, "soft"), announced=5)
    assert dict(when(Plan(), told))["first"] == 3
    # The payment's event comes first: that of the invoice, which announces the next attempt, is still on its way.
    half_told = course((0, "soft"), (3 + 1 / 86_400, "soft"), announced=3)
    assert dict(when(Plan(), half_told))["first"] == 3


def test_an_attempt_shortly_after_the_quiet_hours_is_waited_for() -> None:
    plan = Plan(quiet_from=time(4), quiet_until=time(12), zone="UTC", retry_watch=False)
    attempt = OPENED + 3 * DAY + timedelta(hours=3)
    assert dict(when(plan, course(next_attempt=attempt)))["first"] == pytest.approx(3 + 3 / 24 + LOOKED)


def test_an_outcome_that_is_known_in_the_quiet_hours_is_written_about_after_them() -> None:
    plan = Plan(quiet_from=time(10, 30), quiet_until=time(18), zone="UTC", retry_watch=False)
    attempt = OPENED + 3 * DAY + timedelta(minutes=30)
    assert dict(when(plan, course(next_attempt=attempt)))["first"] == pytest.approx(3 + 8 / 24)


# Days and quiet hours ------------------------------------------------------------------------------------------------
def test_a_day_is_a_day_of_the_workspace_also_when_clocks_change() -> None:
    opened = datetime(2026, 3, 27, 9, 30, tzinfo=UTC)  # 10:30 in Berlin, two days before summer time
    assert on_day(opened, 3, ZoneInfo(BERLIN)) == datetime(2026, 3, 30, 8, 30, tzinfo=UTC)
    assert on_day(opened, 3, ZoneInfo("UTC")) == datetime(2026, 3, 30, 9, 30, tzinfo=UTC)


def test_a_time_that_clocks_skip_is_taken_as_much_later() -> None:
    opened = datetime(2026, 3, 26, 1, 30, tzinfo=UTC)  # 02:30 in Berlin; there is none on the 29th
    assert on_day(opened, 3, ZoneInfo(BERLIN)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30


NIGHT = Plan(quiet_from=time(22), quiet_until=time(8), zone=BERLIN)


@pytest.mark.parametrize(
    ("at", "moved"),
    [
        (datetime(2026, 3, 2, 20, 59, tzinfo=UTC), datetime(2026, 3, 2, 20, 59, tzinfo=UTC)),  # 21:59
        (datetime(2026, 3, 2, 21, 0, tzinfo=UTC), datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),  # 22:00 → 08:00
        (datetime(2026, 3, 3, 6, 59, 59, tzinfo=UTC), datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),
        (datetime(2026, 3, 3, 7, 0, tzinfo=UTC), datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 6, 0, tzinfo=UTC)),  # into summer time
        (datetime(2026, 10, 24, 21, 0, tzinfo=UTC), datetime(2026, 10, 25, 7, 0, tzinfo=UTC)),  # out of it
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(at: datetime, moved: datetime) -> None:
    assert allowed(at, NIGHT) == moved


def test_an_end_that_comes_twice_counts_when_it_is_over() -> None:
    plan = Plan(quiet_from=time(1), quiet_until=time(2, 30), zone=BERLIN)
    # 02:10, for the second time: 02:30 has been already, and comes again.
    assert allowed(datetime(2026, 10, 25, 1, 10, tzinfo=UTC), plan) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_end_that_clocks_skip() -> None:
    plan = Plan(quiet_from=time(22), quiet_until=time(2, 30), zone=BERLIN)
    assert allowed(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), plan) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30


def test_reminders_move_out_of_the_quiet_hours_and_the_team_is_told_all_the_same() -> None:
    plan = replace(NIGHT, zone="UTC", quiet_from=time(9), quiet_until=time(18), retry_watch=False)
    found = when(plan, course((0, "soft"), (3, "soft"), (5, "soft"), announced=None))
    assert found[0] == ("first", pytest.approx(3 + 8 / 24))
    assert ("escalate", pytest.approx(5 + SETTLED)) in found


quiet_times = st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
zones = st.sampled_from(["UTC", BERLIN, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"])
instants = st.integers(0, 2 * 365 * 86_400).map(
    lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


@given(instants, quiet_times, quiet_times, zones)
def test_quiet_hours_are_left_at_the_first_minute_that_is_not_quiet(
    at: datetime, start: time, end: time, zone: str
) -> None:
    if start == end:
        return
    plan = Plan(quiet_from=start, quiet_until=end, zone=zone)
    moved = allowed(at, plan)
    assert moved >= at
    assert not is_quiet(moved, plan)
    minute = at.replace(second=0)
    while (minute := minute + timedelta(minutes=1)) < moved:
        assert is_quiet(minute, plan)


declines = st.sampled_from(["soft", "hard", "card", "authentication", None])
days = st.integers(0, 30) | st.none()
plans = st.builds(
    Plan,
    at_once=st.booleans(),
    first_days=days,
    second_days=days,
    final_days=days,
    quiet_from=st.just(time(21)),
    quiet_until=st.just(time(7)),
    zone=zones,
    escalate_attempts=st.integers(1, 6) | st.none(),
    downgrade_attempts=st.integers(1, 6) | st.none(),
    grace_days=st.integers(0, 30),
    falls_to=st.sampled_from(FallsTo),
    retry_watch=st.booleans(),
)
courses = st.builds(
    lambda attempts, announced, late: course(
        *sorted(attempts, key=lambda one: one[0]),
        announced=announced,
        settles_at=OPENED + timedelta(days=late) + SETTLES,
    ),
    st.lists(st.tuples(st.floats(0, 25), declines), min_size=1, max_size=6, unique_by=lambda one: one[0]),
    st.floats(1, 30) | st.none(),
    st.integers(0, 20),
)


@given(plans, courses)
def test_of_every_plan_and_course(plan: Plan, known: Course) -> None:
    found = steps(plan, known)
    assert found == sorted(found, key=lambda step: (step.at, step.key))
    assert len({step.key for step in found}) == len(found)
    assert all(step.at >= step.planned for step in found)
    assert all(not is_quiet(step.at, plan) for step in found if step.is_letter)
    acting = [step for step in found if step.kind not in (StepKind.WATCH, StepKind.LOOK)]
    assert all(step.at >= known.settles_at for step in acting)
    falls = [step for step in found if step.kind is StepKind.DOWNGRADE]
    if falls:
        assert falls[0].at >= on_day(known.opened_at, plan.grace_days, plan.tz)
        assert all(step.at <= falls[0].at for step in found if step.is_letter)


@given(plans, courses)
def test_what_is_done_is_never_due_again_and_all_comes_to_an_end(plan: Plan, known: Course) -> None:
    found, done, order = steps(plan, known), set[str](), []
    while (step := upcoming(found, done)) is not None:
        assert step in due(found, done, step.at)
        done.add(step.key)
        order.append(step)
    assert order == found
    assert due(found, done, OPENED + 400 * DAY) == []


@given(plans)
def test_a_plan_is_kept_as_json(plan: Plan) -> None:
    assert Plan.of(plan.document()) == plan


def test_a_plan_of_an_older_release_has_the_defaults_for_the_rest() -> None:
    assert Plan.of({"grace_days": 3}) == Plan(grace_days=3)


# What is left out ----------------------------------------------------------------------------------------------------
def letter(kind: StepKind, days: float, key: str | None = None) -> Step:
    at = OPENED + days * DAY
    return Step(at, kind, key or str(kind), at)


def test_of_several_letters_the_strongest_goes_out() -> None:
    both = [letter(StepKind.FIRST, 3), letter(StepKind.SECOND, 4)]
    assert skipped(both, None, OPENED + 5 * DAY) == {"first": "a later letter was due as well"}


def test_what_was_due_more_than_three_days_ago_is_too_old() -> None:
    both = [letter(StepKind.FIRST, 3), letter(StepKind.SECOND, 7)]
    assert skipped(both, None, OPENED + 7 * DAY) == {"first": "too old"}
    assert skipped(both, None, OPENED + 11 * DAY) == {"first": "too old", "second": "too old"}


def test_a_reminder_gives_way_to_a_letter_of_the_same_day_a_final_warning_does_not() -> None:
    now = OPENED + 7 * DAY
    recent = now - timedelta(hours=19)
    assert skipped([letter(StepKind.SECOND, 7)], recent, now) == {"second": "a letter went out less than a day before"}
    assert skipped([letter(StepKind.SECOND, 7)], now - timedelta(hours=21), now) == {}
    assert skipped([letter(StepKind.FINAL, 7)], recent, now) == {}
    assert skipped([letter(StepKind.AT_ONCE, 7, "at_once:confirm")], recent, now) == {}
