"""System checks of what integrations need from the settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from .channels.transports.slack import SLACK
from .stripe.readonly import is_plain


@checks.register(checks.Tags.security)
def stripe_is_reached_safely(**_: Any) -> list[checks.CheckMessage]:
    """integrations.E001: keys would travel in the clear to STRIPE_API_BASE."""
    try:
        is_plain(settings.STRIPE_API_BASE)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="integrations.E001")]
    return []


@checks.register(checks.Tags.security)
def messages_are_sent_safely(**_: Any) -> list[checks.CheckMessage]:
    """integrations.E002: tokens would travel in the clear, or in production to somebody who is not Slack."""
    found: list[checks.CheckMessage] = []
    for name in ("SLACK_API_BASE", "TELEGRAM_API_BASE"):
        try:
            is_plain(getattr(settings, name), name)
        except ImproperlyConfigured as error:
            found.append(checks.Error(str(error), id="integrations.E002"))
    if settings.PRODUCTION and settings.SLACK_API_BASE != SLACK:
        found.append(checks.Error(f"In production SLACK_API_BASE is {SLACK}.", id="integrations.E002"))
    return found
