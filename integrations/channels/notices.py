"""Mails about channels: the link that confirms an address, and that a channel is broken."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from integrations.models import Channel, ChannelState
from pqintel.queue import Work, hold_lane
from pqintel.workspaces.models import Membership
from pqintel.workspaces.roles import Permission, Role

from . import roster
from .lanes import lane_of

log = logging.getLogger(__name__)
AGAIN_AFTER: Final = timedelta(minutes=5)


def mail_link(channel: Channel) -> None:
    """Mail the link that confirms a channel's address. Talks to the mail server: call it outside a transaction.

    Raises:
        OSError: the mail server does not answer, or refuses (smtplib.SMTPException is one).
    """
    address = reverse("integrations:channel_confirm", args=[channel.workspace.slug, roster.confirmation(channel)])
    words = {
        "channel": channel,
        "workspace": channel.workspace,
        "confirm_url": f"{settings.PQ_BASE_URL}{address}",
    }
    _mail("channel_confirmation", words, [channel.target])


def tell_if_broken(workspace_id: int, number: int) -> bool:
    """Mail, once, that a channel is broken: to whoever added it, if they still may configure, and to all owners.

    Owed from the instant that broke it until it is noted as told. A mail server that refuses is asked again five
    minutes later; who dies between sending and noting it costs one repeat, with the same Message-ID, and who dies then
    as well leaves it at that. Returns whether it was sent. Must run in the workspace's scope and outside a transaction.
    """
    with hold_lane(lane_of(workspace_id, number), Work.TELLING) as held:
        return held and _tell(workspace_id, number, timezone.now())


def _tell(workspace_id: int, number: int, now: datetime) -> bool:
    with transaction.atomic():
        channel = _claim(workspace_id, number, now)
        people = _responsible(channel) if channel is not None else []
    if channel is None:
        return False
    page = reverse("integrations:channel", args=[channel.workspace.slug, channel.number])
    words = {"channel": channel, "workspace": channel.workspace, "channel_url": f"{settings.PQ_BASE_URL}{page}"}
    outcome: dict[str, Any] = {"told_at": now}
    try:
        if people:
            _mail("channel_broken", words, people, _message_id(channel))
    except OSError as trouble:
        log.warning("A broken channel could not be told of by mail (%s); tried again.", type(trouble).__name__)
        outcome = {"next_send_at": now + AGAIN_AFTER}
    with transaction.atomic():  # it may be mended, and even broken again, by now
        rows = Channel.objects.filter(pk=channel.pk, workspace_id=workspace_id, state=ChannelState.BROKEN)
        rows.filter(since=channel.since).update(telling_at=None, **outcome)
    return bool(people) and "told_at" in outcome


def _claim(workspace_id: int, number: int, now: datetime) -> Channel | None:
    """Note, to be committed before it is sent, that the mail about a channel is under way. None: there is none to send.

    The lane is held: whoever claimed it before and has not settled it is dead.
    """
    rows = Channel.objects.select_for_update(of=("self",)).select_related("workspace")
    broken = rows.filter(state=ChannelState.BROKEN, told_at=None, removed_at=None)
    channel = broken.filter(workspace_id=workspace_id, number=number).first()
    if channel is None or (channel.next_send_at is not None and channel.next_send_at > now):
        return None
    channel.lost_tellings += channel.telling_at is not None
    given_up = channel.lost_tellings > 1
    channel.telling_at, channel.told_at = (None, now) if given_up else (now, None)
    channel.save(update_fields=["lost_tellings", "telling_at", "told_at"])
    if given_up:
        log.warning("The mail about a broken channel lost its sender twice; whether it arrived is not known.")
        return None
    return channel


def _message_id(channel: Channel) -> str:
    """The same for every try to tell of one outage."""
    return f"<broken-{uuid5(channel.pk, channel.since.isoformat())}@{urlsplit(settings.PQ_BASE_URL).hostname}>"


def _responsible(channel: Channel) -> list[str]:
    """Addresses, each once: the owners', and that of whoever added the channel."""
    members = Membership.objects.filter(workspace_id=channel.workspace_id, user__is_active=True).select_related("user")
    return [
        member.user.email
        for member in members
        if member.role == Role.OWNER or (member.user.email == channel.created_by and member.may(Permission.CONFIGURE))
    ]


def _mail(name: str, words: dict[str, Any], to: list[str], message_id: str = "") -> None:
    headers = {"Message-ID": message_id} if message_id else {}
    subject = " ".join(render_to_string(f"emails/{name}_subject.txt", words).split())
    mail = EmailMultiAlternatives(
        subject, render_to_string(f"emails/{name}_message.txt", words), to=to, headers=headers
    )
    mail.attach_alternative(render_to_string(f"emails/{name}_message.html", words), "text/html")
    mail.send()
