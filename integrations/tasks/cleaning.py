"""What is forgotten after its time."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task

from integrations.channels.retention import forget_deliveries
from integrations.stripe import retention


@shared_task(name="integrations.tasks.forget")
def forget() -> int:
    """Delete events of the inbox, counts, closed questions and deliveries that are too old to matter: how many rows."""
    now = datetime.now(UTC)
    return retention.forget_events(now) + retention.forget_counts(now) + forget_deliveries(now)
