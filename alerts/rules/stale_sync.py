"""Stripe is not heard of: neither deliveries nor its list of events, or what came waits to be processed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind

from .base import Params, ParamsForm, Place, Threshold, Words
from .fields import WholeField
from .writing import lasting, moment, page


class Form(ParamsForm):
    minutes = WholeField(
        label="For more than (minutes)",
        min_value=10,
        max_value=7 * 1440,
        help_text="Stripe’s list of events is read every five minutes.",
    )


@dataclass(frozen=True)
class SyncJudge:
    """What is known now of how far Stripe is known; of the past nothing is kept."""

    heard_at: datetime | None
    pending_since: datetime | None
    limit: timedelta

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        return sorted({moment for moment in self._ends() if after < moment <= until})

    def reading(self, at: datetime) -> Reading:
        known = [since for since in (self.heard_at, self.pending_since) if since is not None]
        behind = max((at - since for since in known), default=None)
        facts = {}
        if self.heard_at is not None:
            facts["heard"] = self.heard_at.isoformat()
        if self.pending_since is not None:
            facts["pending"] = self.pending_since.isoformat()
        seconds = None if behind is None else Decimal(int(behind.total_seconds()))
        return Reading(seconds, Decimal(int(self.limit.total_seconds())), facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        return min((moment for moment in self._ends() if moment > now), default=None)

    def _ends(self) -> Sequence[datetime]:
        """When the limit is passed: a second later, for it is met when it is more."""
        known = (since for since in (self.heard_at, self.pending_since) if since is not None)
        return [(since + self.limit + timedelta(seconds=1)).replace(microsecond=0) for since in known]


class StaleSync(Threshold):
    kind = RuleKind.STALE_SYNC
    form = Form
    about = (
        "Nothing was heard of Stripe for a while, or what it sent waits. Alerts about numbers are held back meanwhile."
    )
    previewed = False
    graded = False

    def judges(self, place: Place, params: Sequence[Params], after: datetime, until: datetime) -> Sequence[SyncJudge]:
        return [
            SyncJudge(place.heard_at, place.pending_since, timedelta(minutes=int(one["minutes"]))) for one in params
        ]

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
