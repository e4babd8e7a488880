"""Mails about invitations. Account mails are allauth's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from .models import Invitation, Workspace
from .roles import Role

NOBODY = "A former member"


@dataclass(frozen=True)
class Offer:
    """An invitation as its page and its mail show it."""

    workspace: Workspace
    email: str
    role_label: str
    invited_by: str
    expires_at: datetime


def offer_of(invitation: Invitation) -> Offer:
    """What an invitation offers. Reads who sent it and the workspace, where they are not loaded."""
    sender = invitation.invited_by
    return Offer(
        workspace=invitation.workspace,
        email=invitation.email,
        role_label=Role(invitation.role).label,
        invited_by=sender.get_full_name() if sender else NOBODY,
        expires_at=invitation.expires_at,
    )


def send_invitation(invitation: Invitation, token: str) -> None:
    """Mail the link. Talks to the mail server: call it outside a transaction.

    Raises:
        OSError: the mail server does not answer, or refuses (smtplib.SMTPException is one).
    """
    link = reverse("workspaces:join", args=[invitation.workspace.slug, token])
    words = {"invitation": offer_of(invitation), "accept_url": f"{settings.PQ_BASE_URL}{link}"}
    subject = " ".join(render_to_string("emails/invitation_subject.txt", words).split())
    text = render_to_string("emails/invitation_message.txt", words)
    mail = EmailMultiAlternatives(subject, text, to=[invitation.email])
    mail.attach_alternative(render_to_string("emails/invitation_message.html", words), "text/html")
    mail.send()
