"""What workers do, done right here: for commands, which end when the work is done, with or without workers."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.db import transaction

from integrations.models import Connection, InboxEvent, InboxState

from . import reads
from .drain import drain


def pump(stripe: Connection) -> None:
    """Process what waits in the connection's lane, unless a worker does it already. Outside a transaction."""
    drain(stripe.lane)


def settle(stripe: Connection, seconds: float = 600.0) -> bool:
    """Process the lane until nothing waits, with the questions to Stripe that this raises and that are due.

    Must run in scope, outside a transaction. Also waits for a worker that holds the lane. Returns whether the lane is
    empty; False after so many seconds.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        events = drain(stripe.lane).events
        answers, _ = reads.answer_due(stripe)
        if not events and not answers:
            if not waits(stripe):
                return True
            time.sleep(0.2)
    return False


def waits(stripe: Connection, received_before: datetime | None = None) -> bool:
    """Whether an event of the lane waits, of those that arrived before a time (aware; now if not given)."""
    before = received_before or datetime.now(UTC)
    with transaction.atomic():
        return InboxEvent.objects.filter(
            workspace_id=stripe.workspace_id,
            connection=stripe,
            state=InboxState.PENDING,
            received_at__lte=before,
        ).exists()
