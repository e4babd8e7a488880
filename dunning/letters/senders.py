"""Who letters are from: a workspace's own address sends them once its owner has opened a mailed link."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from dunning.models import Sender
from pqintel.workspaces.models import Workspace

BETWEEN_LINKS: Final = timedelta(minutes=1)
MOST_LINKS_A_DAY: Final = 20
"""Anybody's address can be typed in: our links must not become spam."""
LINK_IS_GOOD_FOR: Final = timedelta(days=7)
_SALT: Final = "dunning.letters: an address sends letters"


def sender_of(workspace_id: int) -> Sender:
    """The workspace's sender; an empty one where nothing was entered yet. One query. Must run in scope."""
    return Sender.objects.filter(workspace_id=workspace_id).first() or Sender(workspace_id=workspace_id)


@transaction.atomic
def change(workspace_id: int, *, name: str, address: str, reply_to: str, by: str, now: datetime) -> Sender:
    """Say who letters are from. Another address than before has to be verified anew. Must run in scope."""
    row = _locked(workspace_id)
    if address.lower() != row.address.lower():
        row.verified_at = None
    row.name, row.address, row.reply_to, row.changed_by, row.changed_at = name, address, reply_to, by, now
    row.save()
    return row


@transaction.atomic
def may_mail_link(workspace_id: int, now: datetime) -> bool:
    """Whether a link may be mailed now, once a minute and twenty a day at most; if so, that it is. Needs the scope."""
    row = _locked(workspace_id)
    if not row.address or row.verified_at is not None:
        return False
    if row.link_mailed_at is not None and now < row.link_mailed_at + BETWEEN_LINKS:
        return False
    if row.links_since is None or now >= row.links_since + timedelta(days=1):
        row.links_since, row.links_today = now, 0
    if row.links_today >= MOST_LINKS_A_DAY:
        return False
    row.link_mailed_at, row.links_today = now, row.links_today + 1
    row.save(update_fields=["link_mailed_at", "links_since", "links_today"])
    return True


def mail_link(workspace: Workspace, row: Sender) -> None:
    """Mail the link that verifies an address. Talks to the mail server: call it outside a transaction.

    Raises:
        OSError: the mail server does not answer, or refuses (smtplib.SMTPException is one).
    """
    token = signing.dumps([workspace.pk, row.address], salt=_SALT)
    page = reverse("letters:sender_confirm", args=[workspace.slug, token])
    words: dict[str, Any] = {"workspace": workspace, "sender": row, "confirm_url": f"{settings.PQ_BASE_URL}{page}"}
    subject = " ".join(render_to_string("emails/sender_confirmation_subject.txt", words).split())
    mail = EmailMultiAlternatives(
        subject, render_to_string("emails/sender_confirmation_message.txt", words), to=[row.address]
    )
    mail.attach_alternative(render_to_string("emails/sender_confirmation_message.html", words), "text/html")
    mail.send()


def addressed(workspace: Workspace, token: str) -> Sender | None:
    """The sender whose address a link verifies; None where the link is wrong, too old, or of another address."""
    try:
        workspace_id, address = signing.loads(token, salt=_SALT, max_age=LINK_IS_GOOD_FOR)
    except signing.BadSignature:
        return None
    if workspace_id != workspace.pk:
        return None
    return Sender.objects.filter(workspace=workspace, address=address).exclude(address="").first()


@transaction.atomic
def confirm(row: Sender, now: datetime) -> None:
    """Note that an address is its owner's, who wants letters to be sent from it. Idempotent."""
    found = Sender.objects.filter(pk=row.pk, workspace_id=row.workspace_id, address=row.address, verified_at=None)
    found.update(verified_at=now)


def _locked(workspace_id: int) -> Sender:
    Sender.objects.get_or_create(workspace_id=workspace_id)
    return Sender.objects.select_for_update().get(workspace_id=workspace_id)
