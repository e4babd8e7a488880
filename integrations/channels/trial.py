"""Trying a channel out."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from integrations.models import Channel, ChannelState, Delivery

from . import outbox, sending
from .message import Link, Message
from .transports import Outcome, Permanent

MOST_AN_HOUR: Final = 30
"""For one channel: each test keeps a process of the site busy until the provider has answered."""
_TEST: Final = "test:"


def try_out(channel: Channel, *, by: str) -> Outcome:
    """Send a test message and return what the provider said. It mends a broken channel, or breaks a working one.

    Takes some seconds, 25 at most. Must run in the workspace's scope and outside a transaction.
    """
    if channel.state == ChannelState.UNCONFIRMED:
        return Permanent(channel.reason, breaks=False)
    now = timezone.now()
    with transaction.atomic():
        tests = Delivery.objects.filter(
            workspace_id=channel.workspace_id, channel=channel, dedupe_key__startswith=_TEST
        )
        if tests.filter(created_at__gt=now - timedelta(hours=1)).count() >= MOST_AN_HOUR:
            reason = f"{MOST_AN_HOUR} tests were sent there within the last hour. Try again later."
            return Permanent(reason, breaks=False)
    page = reverse("integrations:channel", args=[channel.workspace.slug, channel.number])
    message = Message(
        "A test message of PQ Intel",
        lines=(f"{by} sent it to see whether messages arrive here. They do.",),
        link=Link(f"{settings.PQ_BASE_URL}{page}", "See the channel"),
    )
    with transaction.atomic():
        row = outbox.put_test(channel, message, f"{_TEST}{uuid.uuid4()}", now)
    return sending.send_now(row)
