"""Sending what waits: claimed and committed, sent outside any transaction, settled.

One worker at a time has a channel's lane, so its rate limit is a column of the channel. Who dies between claiming and
settling leaves the claim behind: the delivery is sent once more, flagged as a possible duplicate, and given up if the
next sender dies as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from integrations.models import Channel, ChannelKind, ChannelState, Delivery, DeliveryState
from pqintel.queue import Outsider, Work, hold_lane, places
from pqintel.vault import SealError, Secret
from pqintel.vault.scrub import MASK, scrub

from . import outages, outbox
from .lanes import lane_of
from .message import Message
from .transports import TRANSPORTS, Moved, Outcome, Passing, Permanent, Sent

VISIT: Final = timedelta(seconds=5)
"""How long a worker stays with a channel; a message under way may take ten seconds more."""
LONGEST_WAIT: Final = timedelta(seconds=3)
"""A worker waits this long at most for a rate limit; what is due later is rung for by the sweep."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
CHANNEL_PAUSE: Final = timedelta(minutes=1)
"""How long at most a failing channel rests between tries of whatever waits for it."""
LONGEST_WISH: Final = timedelta(days=7)
"""The longest Retry-After that is believed."""
PATIENCE_SECONDS: Final = 10.0
"""How long a test waits for a visit to end; the next one begins after it."""
DIED_TWICE: Final = "The sender died twice while sending it. Whether it arrived is not known."


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit to a channel did. `more`: something is due, or will be within three seconds."""

    sent: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send now."""

    workspace_id: int
    delivery_id: int
    kind: str
    secret: Secret | None
    target: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, and waiting: tests have their own."""

    now: Callable[[], datetime] = timezone.now
    sleep: Callable[[float], None] = time.sleep


def visit(workspace_id: int, number: int, clock: Clock | None = None) -> Visit:
    """Send what is due for a channel, oldest first, as fast as its provider allows, for about five seconds.

    Must run in the workspace's scope and outside a transaction.
    """
    clock = clock or Clock()
    sent, until = 0, clock.now() + VISIT
    with hold_lane(lane_of(workspace_id, number), Work.DELIVERING) as held:
        outsider = _outsider(workspace_id, number) if held else None
        while outsider is not None:
            with places.hold(outsider) as placed:
                if not placed:  # others wait there, perhaps for somebody who hangs; the sweep rings again
                    return Visit(sent)
                now = clock.now()
                with transaction.atomic():
                    due = _due(workspace_id, number, now)
                    claim = _claim(due, now) if isinstance(due, Delivery) else None
                outcome = _send(claim) if claim is not None else None
                if claim is not None and outcome is not None:
                    with transaction.atomic():
                        _settle(claim, outcome, clock.now())
            if due is None:
                return Visit(sent)
            if isinstance(due, datetime):
                if due - now > LONGEST_WAIT or now >= until:
                    return Visit(sent, more=due - now <= LONGEST_WAIT)
                with places.hold(Outsider.CLOCK, seconds=0.0) as placed:
                    if not placed:  # others of this worker wait for the clock already; the sweep rings again
                        return Visit(sent)
                    clock.sleep(max((due - now).total_seconds(), 0.0))
                continue
            if outcome is None:  # it was given up
                continue
            sent += isinstance(outcome, Sent)
            if isinstance(outcome, Passing) or clock.now() >= until:
                return Visit(sent, more=not isinstance(outcome, Passing))
    return Visit()


def send_now(delivery: Delivery, clock: Clock | None = None) -> Outcome:
    """Send a held delivery, whatever the state of its channel: a test. What it proves about the channel is kept.

    It goes before whatever waits there: it is next in the lane as soon as the visit under way ends. Must run in scope
    and outside a transaction. Takes ten seconds at most, five more at the provider's pace, ten more during a visit.
    """
    clock = clock or Clock()
    lane = lane_of(delivery.workspace_id, delivery.channel.number)
    with hold_lane(lane, Work.DELIVERING, seconds=PATIENCE_SECONDS) as held:
        if not held:
            return _no_test(delivery, Passing("Another message is being sent there, and takes long. Try again later."))
        outcome = _test(delivery, clock)
        return _test(delivery, clock) if isinstance(outcome, Moved) else outcome


def _test(delivery: Delivery, clock: Clock) -> Outcome:
    now = clock.now()
    with transaction.atomic():
        rows = Delivery.objects.select_related("channel__workspace").filter(workspace_id=delivery.workspace_id)
        row = rows.select_for_update(of=("self", "channel")).filter(pk=delivery.pk, channel__removed_at=None).first()
        if row is None:
            return Permanent("The channel was removed.")
        wait = row.channel.next_send_at
        claim = None if wait is not None and wait > now + VISIT else _claim(row, now)
    if claim is None:
        return _no_test(delivery, Passing(f"Nothing can be sent there before {wait:%H:%M:%S} UTC."))
    if wait is not None and wait > now:
        clock.sleep((wait - now).total_seconds())
    outcome = _send(claim)
    with transaction.atomic():
        _settle(claim, outcome, clock.now(), is_test=True)
        lane = lane_of(row.workspace_id, row.channel.number)
        transaction.on_commit(lambda: outbox.bell.ring(lane))  # for what it kept waiting, or had been held
    return outcome


def _no_test(delivery: Delivery, outcome: Passing) -> Passing:
    with transaction.atomic():
        rows = Delivery.objects.filter(workspace_id=delivery.workspace_id, pk=delivery.pk)
        rows.update(state=DeliveryState.SKIPPED, reason=outcome.reason)
    return outcome


def _outsider(workspace_id: int, number: int) -> Outsider | None:
    """Who is asked to take what a channel sends; None where there is no such channel."""
    with transaction.atomic():
        kinds = Channel.objects.filter(workspace_id=workspace_id, number=number).values_list("kind", flat=True)
        kind = kinds.first()
    return None if kind is None else TRANSPORTS[kind].outsider


def _due(workspace_id: int, number: int, now: datetime) -> Delivery | datetime | None:
    """The next delivery of a channel that works, when there will be one, or None. Locks the channel."""
    channel = (
        Channel.objects.select_for_update(of=("self",))
        .select_related("workspace")
        .filter(workspace_id=workspace_id, number=number, removed_at=None, state=ChannelState.OK)
        .first()
    )
    if channel is None:
        return None
    waiting = Delivery.objects.filter(workspace_id=workspace_id, channel=channel, state=DeliveryState.WAITING)
    first = waiting.filter(next_attempt_at__lte=now).order_by("id").first()
    if first is None:
        later = waiting.order_by("next_attempt_at").first()
        return None if later is None else max(later.next_attempt_at, channel.next_send_at or later.next_attempt_at)
    if channel.next_send_at is not None and channel.next_send_at > now:
        return channel.next_send_at
    first.channel = channel
    return first


def _claim(row: Delivery, now: datetime) -> Claim | None:
    """Say, to be committed before anything is sent, that this delivery is under way. None: it is given up instead."""
    if row.claimed_at is not None:
        row.possible_duplicate, row.lost_claims = True, row.lost_claims + 1
    if row.lost_claims > 1:
        row.state, row.reason, row.claimed_at = DeliveryState.FAILED, DIED_TWICE, None
    else:
        row.claimed_at, row.tries = now, row.tries + 1
    row.save(update_fields=["state", "reason", "claimed_at", "possible_duplicate", "lost_claims", "tries"])
    if row.claimed_at is None:
        return None
    channel = row.channel
    try:
        secret: Secret | None = channel.secret
    except SealError:
        secret = None
    payload = TRANSPORTS[channel.kind].render(Message.of(row.message).signed(channel.workspace.name))
    return Claim(row.workspace_id, row.pk, channel.kind, secret, channel.target, payload)


def _send(claim: Claim) -> Outcome:
    if claim.secret is None and claim.kind != ChannelKind.EMAIL:
        return Passing("The stored credentials are unreadable: the key that sealed them is not available.")
    secret = claim.secret.reveal() if claim.secret is not None else ""
    outcome = TRANSPORTS[claim.kind].send(secret, claim.target, claim.payload)
    return _scrubbed(outcome, secret)


def _scrubbed(outcome: Outcome, secret: str) -> Outcome:
    """The outcome with nothing in its words that a provider might have echoed of our credentials."""

    def clean(text: str) -> str:
        return scrub(text.replace(secret, MASK) if secret else text)

    match outcome:
        case Sent(answer):
            return Sent(clean(answer))
        case Passing(reason, wait, may_have_arrived):
            return Passing(clean(reason), wait, may_have_arrived)
        case Permanent(reason, breaks):
            return Permanent(clean(reason), breaks)
        case Moved():
            return outcome


def _settle(claim: Claim, outcome: Outcome, now: datetime, *, is_test: bool = False) -> None:
    """Write down what became of a delivery, and what that says about its channel."""
    row = Delivery.objects.filter(workspace_id=claim.workspace_id, pk=claim.delivery_id).first()
    if row is None:  # the workspace was deleted meanwhile
        return
    channel = Channel.objects.select_for_update().get(workspace_id=claim.workspace_id, pk=row.channel_id)
    row.refresh_from_db(fields=["state", "reason"])  # it was skipped, where the channel was removed until it was ours
    row.claimed_at = None
    match outcome:
        case Sent(answer):
            _sent(row, channel, answer, now)
        case Moved(target):
            row.next_attempt_at, channel.target = now, target
            row.reason = "The chat moved; it is sent to its new place."
        case Permanent(reason, breaks):
            row.state, row.reason, row.answer = DeliveryState.FAILED, reason, reason
            if breaks:
                _break(channel, reason, now)
        case Passing() if is_test:
            row.state, row.reason, row.answer = DeliveryState.FAILED, outcome.reason, outcome.reason
            _rest(channel, _wish(outcome), now)
        case Passing() if row.state == DeliveryState.WAITING:
            _put_off(row, channel, outcome, now)
    row.save(
        update_fields=[
            "claimed_at", "state", "reason", "answer", "sent_at", "next_attempt_at", "possible_duplicate",
        ]
    )  # fmt: skip
    channel.save(
        update_fields=[
            "target", "state", "reason", "since", "told_at", "telling_at", "lost_tellings", "failures", "next_send_at",
            "last_sent_at",
        ]
    )  # fmt: skip


def _sent(row: Delivery, channel: Channel, answer: str, now: datetime) -> None:
    row.state, row.reason, row.answer, row.sent_at = DeliveryState.SENT, "", answer, now
    failed_before = channel.failures > 0
    channel.failures, channel.last_sent_at = 0, now
    channel.next_send_at = now + timedelta(seconds=TRANSPORTS[channel.kind].pace_of(channel.target))
    if channel.state == ChannelState.BROKEN:
        channel.state, channel.reason, channel.since, channel.told_at = ChannelState.OK, "", now, None
        outages.end(channel, now)
        outbox.release(channel, now)
    if failed_before:  # it answers again: whatever else waits need not wait for its own next try
        waiting = Delivery.objects.filter(workspace_id=row.workspace_id, channel=channel, state=DeliveryState.WAITING)
        waiting.exclude(pk=row.pk).update(next_attempt_at=now)


def _put_off(row: Delivery, channel: Channel, outcome: Passing, now: datetime) -> None:
    row.reason = row.answer = outcome.reason
    row.possible_duplicate = row.possible_duplicate or outcome.may_have_arrived
    channel.failures += 1
    pause = max(pause_after(row.tries), _wish(outcome))
    row.next_attempt_at = now + pause
    _rest(channel, max(min(pause, CHANNEL_PAUSE), _wish(outcome)), now)
    if row.next_attempt_at < row.give_up_at:
        return
    row.state, row.reason = DeliveryState.FAILED, f"Given up: {outcome.reason}"
    if channel.last_sent_at is None or channel.last_sent_at < row.created_at:
        _break(channel, f"Nothing could be sent for three days. {outcome.reason}", now)


def _break(channel: Channel, reason: str, now: datetime) -> None:
    """Mark a channel as broken; what waits for it is held. Somebody is told by mail: `notices`. Of one that was removed
    meanwhile nobody needs to know, and nothing would ever end its outage."""
    if channel.removed_at is not None:
        return
    if channel.state != ChannelState.BROKEN:
        channel.since, channel.told_at, channel.telling_at, channel.lost_tellings = now, None, None, 0
    channel.state, channel.reason, channel.next_send_at = ChannelState.BROKEN, reason, None
    outages.begin(channel, reason, now)
    outbox.hold(channel, f"The channel is broken. {reason}")


def _rest(channel: Channel, pause: timedelta, now: datetime) -> None:
    channel.next_send_at = max(now + pause, channel.next_send_at or now)


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries: from five seconds to an hour."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 20)), LONGEST_PAUSE)


def _wish(outcome: Passing) -> timedelta:
    return min(timedelta(seconds=outcome.retry_after or 0), LONGEST_WISH)
