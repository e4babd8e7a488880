"""When channels were broken: written with their state, for alerts that tell of it and for their previews."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from integrations.models import Channel, ChannelOutage


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a channel took nothing; `ends` None: it takes nothing now."""

    channel: UUID
    name: str
    reason: str
    starts: datetime
    ends: datetime | None


def begin(channel: Channel, reason: str, now: datetime) -> None:
    """Note that a channel is broken from now on; where it is already, the reason. The channel's row is locked."""
    rows = ChannelOutage.objects.filter(workspace_id=channel.workspace_id, channel=channel, ends=None)
    if not rows.update(reason=reason):
        ChannelOutage.objects.create(workspace_id=channel.workspace_id, channel=channel, starts=now, reason=reason)


def end(channel: Channel, now: datetime) -> None:
    """Note that a channel is not broken any more, because it works or is gone. The channel's row is locked."""
    ChannelOutage.objects.filter(workspace_id=channel.workspace_id, channel=channel, ends=None).update(ends=now)


def outages_between(workspace_id: int, after: datetime, until: datetime) -> list[Outage]:
    """The outages that ended after one aware instant, if at all, and began by another, by channel. One query."""
    rows = ChannelOutage.objects.filter(Q(ends=None) | Q(ends__gt=after), workspace_id=workspace_id, starts__lte=until)
    found = rows.order_by("channel__number", "id").values_list("channel", "channel__name", "reason", "starts", "ends")
    return [Outage(*row) for row in found]
