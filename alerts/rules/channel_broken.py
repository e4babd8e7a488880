"""A channel is broken: told to those that work. Its owner is mailed besides, by the channels' own room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from integrations.channels.outages import Outage, outages_between

from .base import Params, ParamsForm, Place, Threshold, Words
from .writing import settings_page


class Form(ParamsForm):
    """Nothing to choose."""


@dataclass(frozen=True)
class ChannelsJudge:
    """The times in which channels were broken."""

    outages: Sequence[Outage]

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        moments = {moment for one in self.outages for moment in (one.starts, one.ends) if moment is not None}
        return sorted(moment for moment in moments if after < moment <= until)

    def reading(self, at: datetime) -> Reading:
        broken = [one for one in self.outages if one.starts <= at and (one.ends is None or at < one.ends)]
        subjects = frozenset(str(one.channel) for one in broken)
        facts = {one.name: one.reason for one in broken}
        return Reading(Decimal(len(broken)), Decimal(0), subjects=subjects, facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        return None


class ChannelBroken(Threshold):
    kind = RuleKind.CHANNEL_BROKEN
    form = Form
    about = "A channel of this workspace does not take messages any more."
    graded = False

    def judges(
        self, place: Place, params: Sequence[Params], after: datetime, until: datetime
    ) -> Sequence[ChannelsJudge]:
        """One query."""
        found = outages_between(place.workspace_id, after, until)
        return [ChannelsJudge(found) for _ in params]

    def summary(self, params: Params) -> str:
        return "A channel does not take messages"

    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        link = settings_page(place, "integrations:channels", "Open the channels")
        if decision.outcome == Outcome.RECOVERED:
            return Words("Recovered: all channels work", link=link)
        names = list(reading.facts)
        several = int(reading.value or 0) > 1
        title = f"{reading.value} channels are broken" if several else f"Channel “{names[0]}” is broken"
        return Words(title, (), tuple(reading.facts.items()), link)
