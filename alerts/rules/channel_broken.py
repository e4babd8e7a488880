"""A channel is broken: told to those that work. Its owner is mailed besides, by the channels' own room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from integrations.models import Channel, ChannelState

from .base import Params, ParamsForm, Place, Threshold, Words
from .writing import settings_page


class Form(ParamsForm):
    """Nothing to choose."""


@dataclass(frozen=True)
class ChannelsJudge:
    """The channels that are broken now, by key: name and reason."""

    broken: Mapping[str, tuple[str, str]]

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        return ()

    def reading(self, at: datetime) -> Reading:
        facts = dict(self.broken.values())
        return Reading(Decimal(len(self.broken)), Decimal(0), subjects=frozenset(self.broken), facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        return None


class ChannelBroken(Threshold):
    kind = RuleKind.CHANNEL_BROKEN
    form = Form
    about = "A channel of this workspace does not take messages any more."
    previewed = False
    graded = False

    def judges(
        self, place: Place, params: Sequence[Params], after: datetime, until: datetime
    ) -> Sequence[ChannelsJudge]:
        rows = Channel.objects.filter(
            workspace_id=place.workspace_id, removed_at=None, state=ChannelState.BROKEN
        ).order_by("number")
        found = {str(key): (name, reason) for key, name, reason in rows.values_list("pk", "name", "reason")}
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
