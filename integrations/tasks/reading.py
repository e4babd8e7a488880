"""Asking Stripe what batches left open."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import transaction

from billing.lanes import lane_parts
from integrations.models import Connection
from integrations.stripe import reads
from integrations.stripe.webhook import doorbell
from pqintel.queue import Doorbell
from pqintel.workspaces.tenancy import scope

from .lanes import lanes

read_bell = Doorbell("integrations.tasks.read", queue="bulk")

_LANES_TO_READ: Final = """
SELECT DISTINCT c.workspace_id, c.mode FROM integrations_read r JOIN integrations_connection c ON c.id = r.connection_id
WHERE r.done_at IS NULL AND r.due_at <= now()
"""


@shared_task(name="integrations.tasks.read")
def read(lane: int) -> int:
    """Ask Stripe what a lane's batches left open, a bounded number of questions. Returns how many answers came."""
    read_bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        with transaction.atomic():
            stripe = Connection.objects.get(workspace_id=workspace_id, mode=mode)
        answers, more = reads.answer_due(stripe)
    if answers:
        doorbell.ring(lane)
    if more:
        read_bell.ring(lane)
    return answers


@shared_task(name="integrations.tasks.sweep_reads")
def sweep_reads() -> int:
    """Ring for lanes with reads that are due. Returns how many."""
    found = lanes("reads that are due", _LANES_TO_READ)
    read_bell.ring(*found)
    return len(found)
