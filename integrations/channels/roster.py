"""A workspace's channels: added, made ready, removed. Every function works in its scope and its own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core import signing
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from integrations.models import Channel, ChannelKind, ChannelState
from pqintel.vault import SealError, Secret
from pqintel.workspaces.models import Workspace

from . import outages, outbox
from .lanes import lane_of

MOST_CHANNELS: Final = 25
"""At once in a workspace. At one message a second each, no bot reaches Telegram's 30 a second over all chats."""
MOST_ADDRESSES_A_DAY: Final = 20
"""We mail a link to each: that must not become spam."""
MOST_LINKS: Final = 5
"""For one channel. Anybody's address can be typed in."""
MOST_TIMES_A_DAY: Final = 3
"""That one address is added, removed and added again, each time with links of its own."""
BETWEEN_LINKS: Final = timedelta(minutes=1)
LINK_IS_GOOD_FOR: Final = timedelta(days=7)
_SALT: Final = "integrations.channels: an address is confirmed"
WITHOUT_CHAT: Final = "No chat is chosen yet."
WITHOUT_PROOF: Final = "The address is not confirmed yet."


class CannotAdd(Exception):  # noqa: N818 - it names the outcome
    """There is no place for this channel; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A channel to be added. `secret` is a webhook's URL or a bot's token."""

    kind: ChannelKind
    name: str
    target: str = ""
    secret: Secret | None = None


def channels_of(workspace: Workspace) -> QuerySet[Channel]:
    """Those that were not removed, oldest first. Needs the scope."""
    return Channel.objects.filter(workspace=workspace, removed_at=None).order_by("number")


@transaction.atomic
def add(workspace: Workspace, wanted: Wanted, *, by: str, now: datetime | None = None) -> Channel:
    """Add a channel; `by` is a person's address. Contacts nobody.

    Raises:
        CannotAdd: there are too many, or this place has one already.
    """
    now = now or timezone.now()
    Workspace.objects.select_for_update().only("pk").get(
        pk=workspace.pk
    )  # one at a time: they are counted and numbered
    _refuse_too_many(workspace, wanted, now)
    state, reason = ChannelState.OK, ""
    if wanted.kind == ChannelKind.EMAIL:
        state, reason = ChannelState.UNCONFIRMED, WITHOUT_PROOF
    elif wanted.kind == ChannelKind.TELEGRAM and not wanted.target:
        state, reason = ChannelState.UNCONFIRMED, WITHOUT_CHAT
    last = Channel.objects.filter(workspace=workspace).aggregate(last=Max("number"))["last"] or 0
    return Channel.objects.create(
        workspace=workspace,
        number=last + 1,
        kind=wanted.kind,
        name=wanted.name,
        secret=wanted.secret,
        target=_shown_target(wanted),
        state=state,
        reason=reason,
        since=now,
        created_by=by,
        created_at=now,
    )


@transaction.atomic
def choose_chat(channel: Channel, chat_id: str, now: datetime | None = None) -> None:
    """Say which chat a Telegram channel writes to; it works from then on.

    Raises:
        CannotAdd: another channel writes there, or the token cannot be read.
    """
    now = now or timezone.now()
    row = _locked(channel)
    try:
        wanted = Wanted(ChannelKind.TELEGRAM, row.name, chat_id, row.secret)
    except SealError:
        raise CannotAdd("The stored token is unreadable: the key that sealed it is not available.") from None
    _refuse_twin(list(channels_of(row.workspace).exclude(pk=row.pk)), wanted)
    row.target = chat_id
    _ready(row, now)


@transaction.atomic
def remove(channel: Channel, now: datetime | None = None) -> None:
    """Remove a channel: its credentials are wiped, what waits for it is skipped, what was sent stays history."""
    now = now or timezone.now()
    row = _locked(channel)
    row.secret, row.removed_at = None, now
    row.save(update_fields=["secret", "removed_at"])
    outages.end(row, now)
    outbox.skip(row, "The channel was removed.")


@transaction.atomic
def retry(channel: Channel, within: timedelta, now: datetime | None = None) -> int:
    """Try again what failed or was held, decided within that time; a broken channel gets its chance. How many."""
    now = now or timezone.now()
    row = _locked(channel)
    if row.state == ChannelState.UNCONFIRMED:
        return 0
    if row.state == ChannelState.BROKEN:
        row.state, row.reason, row.since, row.told_at = ChannelState.OK, "", now, None
        row.save(update_fields=["state", "reason", "since", "told_at"])
        outages.end(row, now)
    again = outbox.retry(row, now, within)
    _ring(row)
    return again


# Confirming an address -----------------------------------------------------------------------------------------------


def confirmation(channel: Channel) -> str:
    """The secret part of the link that confirms an address: signed, good for seven days, for this address alone."""
    return signing.dumps([str(channel.pk), channel.target], salt=_SALT)


def addressed(workspace: Workspace, token: str) -> Channel | None:
    """The channel whose address a link confirms; None where the link is wrong, too old, or the channel is gone."""
    try:
        key, address = signing.loads(token, salt=_SALT, max_age=LINK_IS_GOOD_FOR)
    except signing.BadSignature:
        return None
    with transaction.atomic():
        return channels_of(workspace).filter(pk=key, kind=ChannelKind.EMAIL, target=address).first()


@transaction.atomic
def confirm(channel: Channel, now: datetime | None = None) -> None:
    """Note that an address is its owner's, who wants these mails. Idempotent; mends nothing that broke later."""
    row = _locked(channel)
    if row.state == ChannelState.UNCONFIRMED:
        _ready(row, now or timezone.now())


@transaction.atomic
def may_mail_link(channel: Channel, now: datetime | None = None) -> bool:
    """Whether a link may be mailed now, once a minute and five times at most; if so, that it is."""
    now = now or timezone.now()
    row = _locked(channel)
    if row.state != ChannelState.UNCONFIRMED or (row.next_send_at is not None and row.next_send_at > now):
        return False
    if row.links_mailed >= MOST_LINKS:
        return False
    row.next_send_at, row.links_mailed = now + BETWEEN_LINKS, row.links_mailed + 1
    row.save(update_fields=["next_send_at", "links_mailed"])
    return True


def _shown_target(wanted: Wanted) -> str:
    """The target; of a webhook, whose whole URL is secret, its last four letters."""
    if wanted.kind == ChannelKind.SLACK_WEBHOOK and wanted.secret is not None:
        return f"…{wanted.secret.reveal()[-4:]}"
    return wanted.target


def _ready(row: Channel, now: datetime) -> None:
    row.state, row.reason, row.since, row.next_send_at = ChannelState.OK, "", now, None
    row.save(update_fields=["target", "state", "reason", "since", "next_send_at"])
    if outbox.release(row, now):
        _ring(row)


def _ring(row: Channel) -> None:
    lane = lane_of(row.workspace_id, row.number)
    transaction.on_commit(lambda: outbox.bell.ring(lane))


def _locked(channel: Channel) -> Channel:
    return Channel.objects.select_for_update().get(pk=channel.pk, workspace_id=channel.workspace_id)


def _refuse_too_many(workspace: Workspace, wanted: Wanted, now: datetime) -> None:
    here = list(channels_of(workspace))
    if len(here) >= MOST_CHANNELS:
        raise CannotAdd(f"There are {MOST_CHANNELS} channels already. Remove one that is not needed.")
    if wanted.kind == ChannelKind.EMAIL:
        asked = Channel.objects.filter(workspace=workspace, kind=wanted.kind, created_at__gt=now - timedelta(days=1))
        if asked.count() >= MOST_ADDRESSES_A_DAY:
            raise CannotAdd(f"{MOST_ADDRESSES_A_DAY} addresses were added today. Add the next ones tomorrow.")
        if asked.filter(target__iexact=wanted.target).count() >= MOST_TIMES_A_DAY:
            raise CannotAdd("This address was added and removed several times today. Add it again tomorrow.")
    _refuse_twin(here, wanted)


def _refuse_twin(here: list[Channel], wanted: Wanted) -> None:
    """A place has one channel: its rate limit is kept there, and nobody gets everything twice."""
    for channel in here:
        if channel.kind == wanted.kind and _same_place(channel, wanted):
            raise CannotAdd(f"“{channel.name}” writes to this place already.")


def _same_place(channel: Channel, wanted: Wanted) -> bool:
    if channel.kind == ChannelKind.EMAIL:
        return channel.target.lower() == wanted.target.lower()
    if channel.kind == ChannelKind.SLACK_BOT:
        return channel.target == wanted.target
    if channel.kind == ChannelKind.TELEGRAM and (not wanted.target or channel.target != wanted.target):
        return False
    try:
        return bool(channel.secret == wanted.secret)
    except SealError:
        return False
