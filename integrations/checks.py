"""System checks of what integrations need from the settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from .stripe.readonly import is_plain


@checks.register(checks.Tags.security)
def stripe_is_reached_safely(**_: Any) -> list[checks.CheckMessage]:
    """integrations.E001: keys would travel in the clear to STRIPE_API_BASE."""
    try:
        is_plain(settings.STRIPE_API_BASE)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="integrations.E001")]
    return []
