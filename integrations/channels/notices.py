"""Mails about channels: the link that confirms an address, and that a channel is broken."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from integrations.models import Channel, ChannelState
from pqintel.workspaces.models import Membership
from pqintel.workspaces.roles import Permission, Role

from . import roster

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

    Noted before it is sent, so that nobody is told twice; taken back where the mail server refuses, and tried again
    five minutes later. Returns whether it was sent. Must run in the workspace's scope and outside a transaction.
    """
    now = timezone.now()
    with transaction.atomic():
        rows = Channel.objects.select_for_update(of=("self",)).select_related("workspace")
        broken = rows.filter(state=ChannelState.BROKEN, told_at=None, removed_at=None)
        channel = broken.filter(workspace_id=workspace_id, number=number).first()
        if channel is None or (channel.next_send_at is not None and channel.next_send_at > now):
            return False
        channel.told_at = now
        channel.save(update_fields=["told_at"])
        people = _responsible(channel)
    page = reverse("integrations:channel", args=[channel.workspace.slug, channel.number])
    words = {"channel": channel, "workspace": channel.workspace, "channel_url": f"{settings.PQ_BASE_URL}{page}"}
    try:
        for person in people:
            _mail("channel_broken", words, [person])
    except OSError as trouble:
        log.warning("A broken channel could not be told of by mail (%s); tried again.", type(trouble).__name__)
        with transaction.atomic():
            rows = Channel.objects.filter(pk=channel.pk, workspace_id=workspace_id, state=ChannelState.BROKEN)
            rows.update(told_at=None, next_send_at=now + AGAIN_AFTER)
        return False
    return bool(people)


def _responsible(channel: Channel) -> list[str]:
    """Addresses, each once: the owners', and that of whoever added the channel."""
    members = Membership.objects.filter(workspace_id=channel.workspace_id, user__is_active=True).select_related("user")
    return [
        member.user.email
        for member in members
        if member.role == Role.OWNER or (member.user.email == channel.created_by and member.may(Permission.CONFIGURE))
    ]


def _mail(name: str, words: dict[str, Any], to: list[str]) -> None:
    subject = " ".join(render_to_string(f"emails/{name}_subject.txt", words).split())
    mail = EmailMultiAlternatives(subject, render_to_string(f"emails/{name}_message.txt", words), to=to)
    mail.attach_alternative(render_to_string(f"emails/{name}_message.html", words), "text/html")
    mail.send()
