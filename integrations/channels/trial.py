"""Trying a channel out."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from integrations.models import Channel, ChannelState

from . import outbox, sending
from .message import Link, Message
from .transports import Outcome, Permanent


def try_out(channel: Channel, *, by: str) -> Outcome:
    """Send a test message and return what the provider said. It mends a broken channel, or breaks a working one.

    Takes ten seconds or so. Must run in the workspace's scope and outside a transaction.
    """
    if channel.state == ChannelState.UNCONFIRMED:
        return Permanent(channel.reason, breaks=False)
    page = reverse("integrations:channel", args=[channel.workspace.slug, channel.number])
    message = Message(
        "A test message of PQ Intel",
        lines=(f"{by} sent it to see whether messages of {channel.workspace.name} arrive here. They do.",),
        link=Link(f"{settings.PQ_BASE_URL}{page}", "See the channel"),
    )
    with transaction.atomic():
        row = outbox.put_test(channel, message, f"test:{uuid.uuid4()}", timezone.now())
    return sending.send_now(row)
