"""When somebody looks makes no difference: the same things are found at the same instants, in one go or in many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.course import follow, follow_occurrences, look
from alerts.machine import Decision, Occurrence, Settings, State
from alerts.rules.payment_failures import Failed, FailuresJudge
from tests.alerts.stage import NOON, at

LOOKS = st.lists(st.integers(0, 400), max_size=12).map(lambda minutes: sorted({0, *minutes, 400}))
SETTINGS = st.builds(
    Settings,
    cooldown=st.integers(0, 120).map(lambda minutes: timedelta(minutes=minutes)),
    hysteresis=st.sampled_from((0, 40, 100)),
    silenced_until=st.none() | st.integers(0, 400).map(at),
)


def judge(minutes: list[int]) -> FailuresJudge:
    failures = [Failed(at(minute), 4900, "usd") for minute in sorted(minutes)]
    return FailuresJudge(failures, Decimal(3), timedelta(minutes=30), "")


@given(st.lists(st.integers(1, 400), max_size=40), LOOKS, SETTINGS)
def test_judged_in_many_parts_a_threshold_decides_what_it_would_in_one(
    minutes: list[int], looks: list[int], settings: Settings
) -> None:
    whole, steps, last = follow(judge(minutes), State(), settings, NOON, at(400))
    state, found, stepped = State(), list[Decision](), NOON
    for _, until in pairwise(looks):
        known = judge([minute for minute in minutes if minute <= until])  # later ones are not known yet
        state, some, stepped = follow(known, state, settings, stepped, at(until))
        found += [step.decision for step in some]
        state, late = look(known, state, settings, at(until))
        assert late == []  # nothing is left to whoever looks
    assert (found, stepped) == ([step.decision for step in steps], last)
    assert replace(state, value=None) == replace(whole, value=None)  # a look shows the value, where nothing happened


@given(st.lists(st.integers(1, 400 * 60), max_size=60), LOOKS, SETTINGS)
def test_told_in_many_parts_of_what_happens_a_rule_says_what_it_would_in_one(
    seconds: list[int], looks: list[int], settings: Settings
) -> None:
    occurrences = [
        Occurrence(NOON + timedelta(seconds=second), f"evt_{number}") for number, second in enumerate(sorted(seconds))
    ]
    whole, decisions = follow_occurrences(occurrences, State(), settings, at(500))
    state, found = State(), list[Decision]()
    for since, until in pairwise(looks):
        came = [one for one in occurrences if at(since) < one.at <= at(until)]
        state, some = follow_occurrences(came, state, settings, at(until))
        found += some
    state, rest = follow_occurrences([], state, settings, at(500))
    assert (state, [*found, *rest]) == (whole, decisions)
