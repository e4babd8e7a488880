"""Stripe is not heard of: neither deliveries nor its list of events, or what came waits to be processed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from integrations.stripe.freshness import Behind, behind_between

from .base import Params, ParamsForm, Place, Threshold, Words
from .fields import WholeField
from .writing import lasting, moment, page

_SECOND = timedelta(seconds=1)


class Form(ParamsForm):
    minutes = WholeField(
        label="For more than (minutes)",
        min_value=10,  # shorter silences are not kept
        max_value=7 * 1440,
        help_text="Stripe’s list of events is read every five minutes.",
    )


@dataclass(frozen=True)
class Standstills:
    """Times in which nothing went on, by their ends; `now` is the beginning of one that is not over, if there is one.

    `earliest[i]` is the first beginning of all from the i-th on.
    """

    times: Sequence[Behind]
    earliest: Sequence[datetime]
    now: datetime | None

    @classmethod
    def of(cls, times: Sequence[Behind], now: datetime | None) -> Self:
        earliest: list[datetime] = []
        for one in reversed(times):
            earliest.append(min([one.since, *earliest[-1:]]))
        return cls(times, earliest[::-1], now)

    def since(self, at: datetime) -> datetime | None:
        """The beginning of what stood still at an instant; None: all went on."""
        place = bisect_right(self.times, at, key=lambda one: one.ends)
        begun = [moment for moment in (*self.earliest[place : place + 1], self.now) if moment is not None]
        return min((moment for moment in begun if moment <= at), default=None)

    def instants(self, limit: timedelta) -> Iterable[datetime]:
        """When a time becomes longer than the limit by a second, and when it ends."""
        for one in self.times:
            if one.since + limit + _SECOND < one.ends:
                yield one.since + limit + _SECOND
            yield one.ends
        if self.now is not None:
            yield self.now + limit + _SECOND


@dataclass(frozen=True)
class SyncJudge:
    """How far Stripe was known, and since when something waited. A value is whole seconds."""

    heard: Standstills
    waits: Standstills
    limit: timedelta

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        return sorted({moment for moment in self._all() if after < moment <= until})

    def reading(self, at: datetime) -> Reading:
        limit = Decimal(int(self.limit.total_seconds()))
        if self.heard.now is self.waits.now is None and not self.heard.times and not self.waits.times:
            return Reading(None, limit)
        heard, waits = self.heard.since(at), self.waits.since(at)
        behind = max((at - since for since in (heard, waits) if since is not None), default=timedelta(0))
        facts = {"heard": heard, "pending": waits}
        told = {name: since.isoformat() for name, since in facts.items() if since is not None}
        return Reading(Decimal(int(behind.total_seconds())), limit, facts=told)

    def wakes(self, now: datetime) -> datetime | None:
        return min((moment for moment in self._all() if moment > now), default=None)

    def _all(self) -> Iterable[datetime]:
        yield from self.heard.instants(self.limit)
        yield from self.waits.instants(self.limit)


class StaleSync(Threshold):
    kind = RuleKind.STALE_SYNC
    form = Form
    about = (
        "Nothing was heard of Stripe for a while, or what it sent waits. Alerts about numbers are held back meanwhile."
    )
    graded = False

    def judges(self, place: Place, params: Sequence[Params], after: datetime, until: datetime) -> Sequence[SyncJudge]:
        """One query."""
        past = behind_between(place.workspace_id, place.mode, after, until)
        heard = Standstills.of([one for one in past if not one.waited], place.heard_at)
        waits = Standstills.of([one for one in past if one.waited], place.pending_since)
        return [SyncJudge(heard, waits, timedelta(minutes=int(one["minutes"]))) for one in params]

    def summary(self, params: Params) -> str:
        return f"Nothing known of Stripe for more than {params['minutes']} minutes"

    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        link = page(place, "integrations:diagnostics", "Open the diagnostics")
        if decision.outcome == Outcome.RECOVERED:
            lines = () if decision.since is None else (f"It was behind for {lasting(decision.at - decision.since)}.",)
            return Words("Recovered: Stripe is heard of again", lines, link=link)
        behind = lasting(timedelta(seconds=int(reading.value or 0)))
        fields = []
        if "heard" in reading.facts:
            fields.append(("Known up to", moment(datetime.fromisoformat(reading.facts["heard"]), place)))
        if "pending" in reading.facts:
            fields.append(("Waiting since", moment(datetime.fromisoformat(reading.facts["pending"]), place)))
        lines = ("Numbers may be behind. Alerts about numbers are held back until this is over.",)
        return Words(f"Stripe is {behind} behind", lines, tuple(fields), link)
