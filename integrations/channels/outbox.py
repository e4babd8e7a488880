"""The outbox: a message to a channel is a row, put there by the transaction that decides it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.models import Channel, ChannelState, Delivery, DeliveryState
from pqintel.queue import Doorbell

from .lanes import lane_of
from .message import Message

bell = Doorbell("integrations.tasks.send_deliveries", queue="react")

KEEP_TRYING: Final = timedelta(hours=72)
# Shared, until the caller's transaction ends: who mends, breaks or removes a channel meanwhile waits for it, and then
# finds what it put there. Otherwise a message that is held for a channel that works by then would be held for good.
_STANDING: Final = """
SELECT id, state, removed_at IS NOT NULL FROM integrations_channel
WHERE workspace_id = %s AND id = ANY(%s) ORDER BY id FOR SHARE
"""
_REASONS: Final = {
    ChannelState.BROKEN: "The channel is broken.",
    ChannelState.UNCONFIRMED: "The channel is not ready yet.",
}


@dataclass(frozen=True, slots=True)
class Post:
    """A message to some channels, decided once: by `dedupe_key`."""

    message: Message
    channels: Iterable[Channel]
    dedupe_key: str


def deliver(
    workspace_id: int,
    mode: Mode | None,
    message: Message,
    channels: Iterable[Channel],
    dedupe_key: str,
    now: datetime | None = None,
) -> list[Delivery]:
    """Put a message into the outbox for each of the channels, and ring once the transaction commits.

    Idempotent: where a channel has a delivery with this `dedupe_key`, nothing is added for it, whatever became of that
    one. A channel that cannot send now holds the message until it can, 72 hours at most; a removed one skips it.
    Returns the rows that it put there or found. Must run in the workspace's scope and a transaction.
    """
    wanted = {channel.pk: channel for channel in channels}
    deliver_all(workspace_id, mode, [Post(message, wanted.values(), dedupe_key)], now or timezone.now())
    found = Delivery.objects.filter(workspace_id=workspace_id, channel__in=wanted, dedupe_key=dedupe_key)
    return list(found.order_by("id"))


def deliver_all(workspace_id: int, mode: Mode | None, posts: Iterable[Post], now: datetime) -> None:
    """Put several messages into the outbox by two statements; see `deliver`. What the channels are is read anew."""
    wanted = [(post, {channel.pk: channel for channel in post.channels}) for post in posts]
    channels = {pk for _, some in wanted for pk in some}
    if not channels:
        return
    first = {pk: _first_state(state, removed) for pk, state, removed in _standing(workspace_id, channels)}
    rows = [
        _row(workspace_id, mode, post, channel, now, *first[channel.pk])
        for post, some in wanted
        for channel in some.values()
        if channel.pk in first  # else its workspace is being deleted
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    lanes = {lane_of(workspace_id, row.channel.number): None for row in rows if row.state == DeliveryState.WAITING}
    if lanes:
        transaction.on_commit(lambda: bell.ring(*lanes))


def put_test(channel: Channel, message: Message, key: str, now: datetime) -> Delivery:
    """Put a message there that its asker sends at once: no worker looks at it. Must run in a transaction."""
    return Delivery.objects.create(
        workspace_id=channel.workspace_id,
        channel=channel,
        dedupe_key=key,
        message=message.document(),
        state=DeliveryState.HELD,
        reason="A test that is being sent.",
        created_at=now,
        next_attempt_at=now,
        give_up_at=now,
    )


def hold(channel: Channel, reason: str) -> None:
    """Let what waits for a channel wait until it works again. In the caller's transaction."""
    _of(channel, DeliveryState.WAITING).update(state=DeliveryState.HELD, reason=reason, claimed_at=None)


def release(channel: Channel, now: datetime) -> int:
    """Let what was held wait for a sender, unless its time is over; returns how many. In the caller's transaction."""
    held = _of(channel, DeliveryState.HELD)
    held.filter(give_up_at__lte=now).update(
        state=DeliveryState.SKIPPED, reason="Too old when the channel worked again."
    )
    return held.filter(give_up_at__gt=now).update(state=DeliveryState.WAITING, reason="", next_attempt_at=now)


def skip(channel: Channel, reason: str) -> None:
    """Give up what waits for a channel. In the caller's transaction."""
    rows = Delivery.objects.filter(workspace_id=channel.workspace_id, channel=channel)
    undecided = rows.filter(state__in=(DeliveryState.WAITING, DeliveryState.HELD))
    undecided.update(state=DeliveryState.SKIPPED, reason=reason)


def retry(channel: Channel, now: datetime, within: timedelta) -> int:
    """Let what failed or was held, decided within that time, be tried for another 72 hours. Returns how many."""
    rows = Delivery.objects.filter(workspace_id=channel.workspace_id, channel=channel, created_at__gte=now - within)
    again = rows.filter(state__in=(DeliveryState.FAILED, DeliveryState.HELD))
    return again.update(
        state=DeliveryState.WAITING, reason="", next_attempt_at=now, give_up_at=now + KEEP_TRYING, claimed_at=None
    )


def _of(channel: Channel, state: DeliveryState) -> models.QuerySet[Delivery]:
    return Delivery.objects.filter(workspace_id=channel.workspace_id, channel=channel, state=state)


def _standing(workspace_id: int, channels: Iterable[UUID]) -> list[tuple[UUID, str, bool]]:
    return [(pk, state, removed) for pk, state, removed in fetch(_STANDING, (workspace_id, list(channels)))]


def _row(
    workspace_id: int,
    mode: Mode | None,
    post: Post,
    channel: Channel,
    now: datetime,
    state: DeliveryState,
    reason: str,
) -> Delivery:
    return Delivery(
        workspace_id=workspace_id,
        channel=channel,
        mode=mode,
        dedupe_key=post.dedupe_key,
        message=replace(post.message, mode=mode).document(),
        state=state,
        reason=reason,
        created_at=now,
        next_attempt_at=now,
        give_up_at=now + KEEP_TRYING,
    )


def _first_state(channel: str, removed: bool) -> tuple[DeliveryState, str]:
    if removed:
        return DeliveryState.SKIPPED, "The channel was removed."
    if channel != ChannelState.OK:
        return DeliveryState.HELD, _REASONS[ChannelState(channel)]
    return DeliveryState.WAITING, ""
