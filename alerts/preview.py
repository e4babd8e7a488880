"""What a rule would have said in the last thirty days, had it been there: asked before it is saved (P26).

The machine that judges live is shown the same instants in the same order, over what is kept of that time: failures,
MRR spans, daily sums, history, silences, outages of channels. Every message is taken as delivered, so cooldowns run;
the rule is taken as neither muted nor silenced. What is known now counts as known when it happened: late events, what
was read after connecting, rates that were imported later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from billing.estimated import estimated_before
from billing.modes import Mode

from . import course, places
from .machine import Decision, Reading, Settings, State
from .models import Outcome, RuleKind
from .past import lines_between
from .rules import HAPPENINGS, THRESHOLDS
from .rules.base import Happened, Heard, Params, Place

REACHES_BACK: Final = timedelta(days=30)
MOST: Final = 5_000
"""So many lines or instants are judged, the newest: a preview costs a second, however busy an account is."""
SHOWN: Final = 10
"""Messages of a preview that a page shows."""
_ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Since when a preview takes Stripe to be connected: live, what begins before the connection is not judged."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message that would have gone out; `count` is how many things it is about."""

    at: datetime
    outcome: Outcome
    title: str
    count: int = 1


@dataclass(frozen=True)
class Preview:
    """The messages of a rule between two instants, in order, and how often something was withheld, by reason.

    `cut_short`: there was too much to judge all thirty days, and `since` is later. `estimated_before` is the first day
    that is not estimated, where some are. `unjudged` is why there is nothing to judge at present, "" where there is.
    """

    since: datetime
    until: datetime
    said: tuple[Said, ...]
    withheld: Mapping[str, int]
    cut_short: bool
    estimated_before: date | None
    unjudged: str = ""

    @property
    def fired(self) -> tuple[Said, ...]:
        """Those that say that something began or happened: how often it would have fired."""
        return tuple(one for one in self.said if one.outcome == Outcome.FIRED)

    @property
    def newest(self) -> tuple[Said, ...]:
        """Those that a page shows, the newest first."""
        return self.fired[: -SHOWN - 1 : -1]

    @property
    def earlier(self) -> int:
        """How many it does not show."""
        return max(len(self.fired) - SHOWN, 0)

    @property
    def recovered(self) -> int:
        """How many messages say that something is over."""
        return len(self.said) - len(self.fired)


def preview(
    workspace_id: int,
    mode: Mode,
    kind: RuleKind,
    params: Params,
    settings: Settings,
    now: datetime,
    *,
    most: int = MOST,
) -> Preview:
    """What a rule of these parameters would have said in the thirty days up to `now` (aware). Writes nothing.

    About ten queries at most. Must run in scope.

    Args:
        params: as the kind's form cleans them.
        settings: cooldown, hysteresis and quiet hours count; muting, silence and channels do not.
        most: so many lines or instants are judged at most, the newest.
    """
    asked = places.find(workspace_id, mode, now)
    found = asked.place
    place = replace(found, held_back="", connected_at=_ALWAYS)
    if not asked.watched:  # nobody listens, so nobody would have been told that nothing comes
        place = replace(place, heard_at=None, pending_since=None)
    chosen = Settings(cooldown=settings.cooldown, hysteresis=settings.hysteresis, quiet=settings.quiet)
    since = now - REACHES_BACK
    judge = _of_threshold if kind in THRESHOLDS else _of_happening
    judged = judge(place, kind, params, chosen, since, now, most)
    withheld = Counter(decision.reason for decision, _ in judged.decided if not decision.said and decision.reason)
    first = judged.since.astimezone(found.zone).date()
    return Preview(
        since=judged.since,
        until=now,
        said=tuple(said for _, said in judged.decided if said is not None),
        withheld=dict(withheld),
        cut_short=judged.since > since,
        estimated_before=estimated_before(workspace_id, mode, found.connected_at, found.zone, first),
        unjudged=judged.unjudged,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """Everything that was decided from `since` on, with what was said of it."""

    since: datetime
    decided: Sequence[tuple[Decision, Said | None]]
    unjudged: str = ""


def _of_threshold(
    place: Place, name: RuleKind, params: Params, settings: Settings, since: datetime, now: datetime, most: int
) -> _Judged:
    kind = THRESHOLDS[name]
    (judge,) = kind.judges(place, [params], since, now)
    instants = judge.instants(since, now)
    if len(instants) > most:
        since = instants[-most]
    state, steps = course.look(judge, State(), settings, since)
    _, found, _ = course.follow(judge, state, settings, since, now)

    def said(decision: Decision, reading: Reading) -> Said | None:
        if not decision.said:
            return None
        return Said(decision.at, decision.outcome, kind.words(place, params, reading, decision).title)

    last = judge.reading(now)
    return _Judged(
        since,
        [(step.decision, said(step.decision, step.reading)) for step in [*steps, *found]],
        last.why_not if last.value is None else "",
    )


def _of_happening(
    place: Place, name: RuleKind, params: Params, settings: Settings, since: datetime, now: datetime, most: int
) -> _Judged:
    kind = HAPPENINGS[name]
    lines = lines_between(place, kind.listens_to(params), since, now, most)
    if len(lines) > most:
        since = lines[0].happened_at
        lines = [line for line in lines if line.happened_at > since]
    happened: dict[str, Happened] = {}
    for one in kind.happened(Heard(place, lines), params):
        happened.setdefault(one.occurrence.key, one)  # told once, the first time
    occurrences = sorted((one.occurrence for one in happened.values()), key=lambda occurrence: occurrence.at)
    _, decisions = course.follow_occurrences(occurrences, State(), settings, now)

    def said(decision: Decision) -> Said | None:
        if not decision.said:
            return None
        if decision.group:
            words = kind.words_of_many(place, params, decision)
        else:
            words = kind.words(place, params, happened[decision.key])
        return Said(decision.at, decision.outcome, words.title, decision.count)

    return _Judged(since, [(decision, said(decision)) for decision in decisions])
