"""A rule's way through time: the machine shown everything that may change its mind, in order. Pure.

Live and preview walk the same way, live from where it stopped last time, preview over the last days. What time alone
changes (a cooldown ends, a minute is over) happens at its own instant, not when somebody happens to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from . import machine
from .machine import Decision, Occurrence, Reading, Settings, State
from .rules.base import Judge


@dataclass(frozen=True, slots=True)
class Step:
    """A decision, and the reading that it was made of."""

    decision: Decision
    reading: Reading


def follow(
    judge: Judge, state: State, settings: Settings, after: datetime, until: datetime
) -> tuple[State, list[Step], datetime]:
    """Judge every instant that is later than `after` and not later than `until`.

    Returns the state then, what was decided, and the last instant that was judged (`after`, where there was none).
    """
    waiting, at, steps = list(reversed(judge.instants(after, until))), after, list[Step]()
    while True:
        ahead = [moment for moment in (waiting[-1] if waiting else None, machine.wakes(state, settings, at)) if moment]
        if not ahead or min(ahead) > until:
            return state, steps, at
        at = min(ahead)
        while waiting and waiting[-1] <= at:
            waiting.pop()
        state, found = look(judge, state, settings, at)
        steps += found


def look(judge: Judge, state: State, settings: Settings, at: datetime) -> tuple[State, list[Step]]:
    """Judge one instant."""
    reading = judge.reading(at)
    state, decisions = machine.step(state, reading, settings, at)
    return state, [Step(decision, reading) for decision in decisions]


def follow_occurrences(
    occurrences: Iterable[Occurrence], state: State, settings: Settings, until: datetime
) -> tuple[State, list[Decision]]:
    """Tell a rule of occurrences, which come in order of time, and let the time until `until` pass."""
    decisions = list[Decision]()
    for occurrence in occurrences:
        state, found = machine.occur(state, occurrence, settings)
        decisions += found
    state, found = machine.lapse(state, settings, until)
    return state, [*decisions, *found]
