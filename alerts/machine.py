"""How a rule goes from normal to firing and back, and when it speaks. Pure: a function of what it is shown and when.

Two sorts of rules share it. A **threshold** is shown readings (`step`); an **occurrence** happens and is over
(`occur`). Live and preview run the same functions over the same instants, so a preview says what would have been said.
Nothing here asks the clock: every instant is an aware datetime that the caller gives, and instants never go back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from billing.quiet import QuietHours

from .models import Outcome

BURST: Final = timedelta(minutes=1)
SAID_IN_A_BURST: Final = 5
"""So many occurrences within a minute are told one by one; the rest is told in one message when the minute is over."""


class Why(StrEnum):
    """Why something was not said, in the words of the history."""

    TEST_MODE = "The rule is muted: nothing is sent."
    SILENCED = "Silenced."
    QUIET = "Quiet hours."
    COOLDOWN = "Cooldown: the last message was delivered not long ago."
    NO_CHANNEL = "No channel to send it to."
    GROUPED = "Grouped: told in one message with the others of that minute."
    OFF = "The rule is off."
    NEVER_SAID = "Nothing had been said of it."
    ANEW = "Compared anew."


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule's owner chose about speaking. `hysteresis` in percent of the threshold; `channels`: there is one."""

    cooldown: timedelta = timedelta(0)
    hysteresis: int = 0
    quiet: QuietHours | None = None
    test_mode: bool = False
    silenced_until: datetime | None = None
    channels: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule sees at an instant. It is met when `value` is more than `threshold`.

    `value` None: there is nothing to judge. `why_not`: why it is not judged though there is a value. Within another
    `epoch` (a day, where days are compared with their beginning) everything begins anew. `subjects`: what it is about,
    where each is told once. `facts`: what messages and the history say of it.
    """

    value: Decimal | None
    threshold: Decimal
    why_not: str = ""
    epoch: str = ""
    subjects: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return self.value is not None and self.value > self.threshold

    def cleared(self, hysteresis: int) -> bool:
        """Whether the value has come back by so many percent of the threshold."""
        return self.value is not None and self.value <= self.threshold * (100 - hysteresis) / 100


@dataclass(frozen=True, slots=True)
class State:
    """What a rule remembers. `told`: that it fires was said; `subjects` of what. `withheld` is the reason noted last.

    `cooling_from` is the instant of the message that the cooldown counts from; whoever keeps the state takes it away
    when that message was not delivered. `burst_*`: when the running minute began (or the quiet hours that it leads
    into), how many were said in it, how many wait for its end, and their sums in minor units by currency.
    """

    firing: bool = False
    since: datetime | None = None
    told: bool = False
    cooling_from: datetime | None = None
    epoch: str = ""
    subjects: frozenset[str] = frozenset()
    withheld: str = ""
    value: Decimal | None = None
    burst_from: datetime | None = None
    burst_said: int = 0
    burst_held: int = 0
    burst_sums: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened once; `key` names it for good. The amount, if it has one, in minor units."""

    at: datetime
    key: str
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a reading or an occurrence. `said`: a message goes out. `key` is the occurrence's own.

    `count` and `sums` are of an occurrence's group; `since` is when what recovers, or the group, began.
    """

    outcome: Outcome
    at: datetime
    reason: str = ""
    said: bool = False
    since: datetime | None = None
    key: str = ""
    count: int = 1
    sums: Mapping[str, int] = field(default_factory=dict)
    group: bool = False


def step(state: State, reading: Reading, settings: Settings, at: datetime) -> tuple[State, tuple[Decision, ...]]:
    """Show a rule a reading. At most two decisions: an epoch ends, and the next one begins with something."""
    decisions: tuple[Decision, ...] = ()
    if reading.epoch != state.epoch:
        if state.firing:
            decisions = (Decision(Outcome.RECOVERED, at, Why.ANEW, since=state.since),)
        state = State(cooling_from=state.cooling_from, epoch=reading.epoch)
    state = state if reading.value is None else replace(state, value=reading.value)
    if reading.value is None or reading.why_not:
        state, one = _unjudged(state, reading, settings, at)
    elif reading.met:
        state, one = _met(state, reading, settings, at)
    elif state.firing and reading.cleared(settings.hysteresis):
        state, one = _cleared(state, settings, at)
    else:
        one = None
    return state, decisions if one is None else (*decisions, one)


def occur(
    state: State, occurrence: Occurrence, settings: Settings, said_in_a_burst: int = SAID_IN_A_BURST
) -> tuple[State, tuple[Decision, ...]]:
    """Tell a rule of an occurrence. Where a burst ended before it, that is said first."""
    at = occurrence.at
    state, before = lapse(state, settings, at)
    withheld = withheld_by(state, settings, at)
    if withheld and withheld[1] != Why.QUIET:
        outcome, why = withheld
        return state, (*before, Decision(outcome, at, why, key=occurrence.key))
    if state.burst_from is None:
        state = replace(state, burst_from=at)
    if withheld or state.burst_said >= said_in_a_burst:
        sums = dict(state.burst_sums)
        if occurrence.amount is not None:
            sums[occurrence.currency] = sums.get(occurrence.currency, 0) + occurrence.amount
        state = replace(state, burst_held=state.burst_held + 1, burst_sums=sums)
        why = Why.QUIET if withheld else Why.GROUPED
        return state, (*before, Decision(Outcome.SUPPRESSED, at, why, key=occurrence.key))
    state = replace(state, burst_said=state.burst_said + 1, cooling_from=at, since=at)
    return state, (*before, Decision(Outcome.FIRED, at, said=True, key=occurrence.key))


def lapse(state: State, settings: Settings, at: datetime) -> tuple[State, tuple[Decision, ...]]:
    """Let time pass: a burst that is over by then is told, if any of it waits."""
    if state.burst_from is None or at < (end := _burst_ends(state.burst_from, settings)):
        return state, ()
    since, count, sums = state.burst_from, state.burst_held, state.burst_sums
    state = replace(state, burst_from=None, burst_said=0, burst_held=0, burst_sums={})
    if not count:
        return state, ()
    # It waits for no cooldown, because it belongs to the messages that began one; but it is a message, and begins one.
    if withheld := withheld_by(replace(state, cooling_from=None), settings, end):
        outcome, why = withheld
        return state, (Decision(outcome, end, why, since=since, count=count, sums=sums, group=True),)
    state = replace(state, cooling_from=end)
    return state, (Decision(Outcome.FIRED, end, said=True, since=since, count=count, sums=sums, group=True),)


def _burst_ends(since: datetime, settings: Settings) -> datetime:
    """When what waits since then is told: after a minute, and not in quiet hours."""
    end = since + BURST
    return end if settings.quiet is None else settings.quiet.over(end)


def without_cooldown(state: State) -> State:
    """The state where the message that the cooldown counts from reached nobody."""
    return replace(state, cooling_from=None)


def wakes(state: State, settings: Settings, at: datetime) -> datetime | None:
    """The next instant after `at` at which time alone changes what a rule may say."""
    ends: list[datetime] = []
    if state.firing and (not state.told or state.withheld):  # of what is told, something new may wait
        if state.cooling_from is not None:
            ends.append(state.cooling_from + settings.cooldown)
        if settings.silenced_until is not None:
            ends.append(settings.silenced_until)
        if settings.quiet is not None:
            ends.append(settings.quiet.over(at))
    if state.burst_held and state.burst_from is not None:
        ends.append(_burst_ends(state.burst_from, settings))
    return min((end for end in ends if end > at), default=None)


def withheld_by(state: State, settings: Settings, at: datetime) -> tuple[Outcome, Why] | None:
    """Why nothing may be said at that instant; None: it may."""
    if settings.test_mode:
        return Outcome.SKIPPED, Why.TEST_MODE
    if settings.silenced_until is not None and at < settings.silenced_until:
        return Outcome.SUPPRESSED, Why.SILENCED
    if settings.quiet is not None and settings.quiet.hold(at):
        return Outcome.SUPPRESSED, Why.QUIET
    if state.cooling_from is not None and at < state.cooling_from + settings.cooldown:
        return Outcome.SUPPRESSED, Why.COOLDOWN
    if not settings.channels:
        return Outcome.SKIPPED, Why.NO_CHANNEL
    return None


def _unjudged(state: State, reading: Reading, settings: Settings, at: datetime) -> tuple[State, Decision | None]:
    """Nothing changes. That something would have is noted once for each reason."""
    matters = reading.cleared(settings.hysteresis) if state.firing else reading.met
    if not matters or state.withheld == reading.why_not:
        return state, None
    return replace(state, withheld=reading.why_not), Decision(Outcome.SKIPPED, at, reading.why_not)


def _met(state: State, reading: Reading, settings: Settings, at: datetime) -> tuple[State, Decision | None]:
    if not state.firing:
        state = replace(state, firing=True, since=at, told=False, withheld="", subjects=frozenset())
    known = state.subjects & reading.subjects  # what went and comes back is told again
    state = replace(state, subjects=known)
    if state.told and not reading.subjects - known:
        return state, None
    if withheld := withheld_by(state, settings, at):
        outcome, why = withheld
        if state.withheld == why:
            return state, None
        return replace(state, withheld=why), Decision(outcome, at, why, since=state.since)
    state = replace(state, told=True, withheld="", cooling_from=at, subjects=reading.subjects)
    return state, Decision(Outcome.FIRED, at, said=True, since=state.since)


def _cleared(state: State, settings: Settings, at: datetime) -> tuple[State, Decision]:
    since, told = state.since, state.told
    state = State(cooling_from=state.cooling_from, epoch=state.epoch, value=state.value)
    if not told:
        return state, Decision(Outcome.RECOVERED, at, Why.NEVER_SAID, since=since)
    # A recovery ends what was said; the cooldown is between things that begin.
    withheld = withheld_by(replace(state, cooling_from=None), settings, at)
    return state, Decision(Outcome.RECOVERED, at, withheld[1] if withheld else "", said=not withheld, since=since)
