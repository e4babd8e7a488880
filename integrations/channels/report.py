"""What pages say about deliveries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from integrations.models import Channel, Delivery, DeliveryState
from pqintel.workspaces.models import Workspace

from .message import Message

PAGE: Final = 30
_TONES: Final = {DeliveryState.SENT: "good", DeliveryState.FAILED: "bad", DeliveryState.HELD: "warn"}


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery and its fate. `detail` is the reason, or what the provider said."""

    title: str
    channel: str
    number: int
    state: str
    tone: str
    detail: str
    tries: int
    created_at: datetime
    at: datetime | None
    next_attempt_at: datetime | None
    possible_duplicate: bool


def lines_of(workspace: Workspace, before: int | None, channel: Channel | None = None) -> tuple[list[Line], int | None]:
    """A page of deliveries, the newest first, and where the older ones begin (None: there are none). One query."""
    rows = Delivery.objects.filter(workspace=workspace).select_related("channel").defer("channel__secret")
    if channel is not None:
        rows = rows.filter(channel=channel)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-id")[: PAGE + 1])
    shown = found[:PAGE]
    return [_line(row) for row in shown], shown[-1].pk if len(found) > PAGE else None


def fates(workspace: Workspace, dedupe_keys: Collection[str]) -> dict[str, list[Line]]:
    """What became of messages that were decided elsewhere: their deliveries by dedupe key, oldest first. One query."""
    rows = Delivery.objects.filter(
        workspace=workspace,
        channel__in=Channel.objects.filter(workspace=workspace).values("pk"),  # so that the unique index finds them
        dedupe_key__in=dedupe_keys,
    )
    found: dict[str, list[Line]] = {}
    for row in rows.select_related("channel").defer("channel__secret").order_by("id"):
        found.setdefault(row.dedupe_key, []).append(_line(row))
    return found


def _line(row: Delivery) -> Line:
    state = DeliveryState(row.state)
    return Line(
        title=Message.of(row.message).heading,
        channel=row.channel.name,
        number=0 if row.channel.removed_at else row.channel.number,
        state=state.label,
        tone=_TONES.get(state, ""),
        detail=row.reason or row.answer,
        tries=row.tries,
        created_at=row.created_at,
        at=row.sent_at,
        next_attempt_at=row.next_attempt_at if state == DeliveryState.WAITING and row.tries else None,
        possible_duplicate=row.possible_duplicate,
    )
