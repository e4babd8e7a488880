"""Reading what a newly connected account holds."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import transaction

from billing.lanes import lane_parts
from integrations.models import Connection
from integrations.stripe import backfill as reading
from integrations.stripe.webhook import doorbell
from pqintel.workspaces.tenancy import scope

from .lanes import lanes

_LANES_TO_READ: Final = """
SELECT c.workspace_id, c.mode FROM integrations_backfill b JOIN integrations_connection c ON c.id = b.connection_id
WHERE b.finished_at IS NULL AND coalesce(b.waits_until <= now(), true) AND b.stepped_at < now() - interval '5 seconds'
"""


@shared_task(name="integrations.tasks.backfill")
def backfill(lane: int) -> int:
    """Read an account for about five seconds and ring again if more is left. Returns how many pages are new."""
    reading.bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        with transaction.atomic():
            stripe = Connection.objects.get(workspace_id=workspace_id, mode=mode)
        visit = reading.visit(stripe)
    if visit.stored:
        doorbell.ring(lane)
    if visit.more:
        reading.bell.ring(lane)
    return visit.stored


@shared_task(name="integrations.tasks.sweep_backfills")
def sweep_backfills() -> int:
    """Ring for backfills that stand still: their worker died, their wait is over, or a ring was lost. How many."""
    found = lanes("backfills that stand still", _LANES_TO_READ)
    reading.bell.ring(*found)
    return len(found)
