"""Reading Stripe's list of events for what was not delivered."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import transaction

from billing.lanes import lane_parts
from integrations.models import Connection, ConnectionStatus
from integrations.stripe.recovery import recover as read_back
from integrations.stripe.webhook import doorbell
from pqintel.queue import Doorbell
from pqintel.workspaces.tenancy import scope

from .lanes import lanes

recovery_bell = Doorbell("integrations.tasks.recover", queue="bulk")

_LANES_TO_RECOVER: Final = """
SELECT c.workspace_id, c.mode FROM integrations_connection c
LEFT JOIN integrations_recovery r ON r.workspace_id = c.workspace_id AND r.mode = c.mode
WHERE c.status = 'connected' AND coalesce(r.due_at <= now(), true) AND coalesce(r.busy_until <= now(), true)
"""


@shared_task(name="integrations.tasks.recover")
def recover(lane: int) -> int:
    """Compare one connection's events with Stripe's list of them. Returns how many had been missing."""
    recovery_bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        with transaction.atomic():
            stripe = Connection.objects.get(workspace_id=workspace_id, mode=mode)
        if stripe.status != ConnectionStatus.CONNECTED:
            return 0
        done = read_back(stripe)
    if done.found:
        doorbell.ring(lane)
    if done.more:
        recovery_bell.ring(lane)
    return done.found


@shared_task(name="integrations.tasks.sweep_recoveries")
def sweep_recoveries() -> int:
    """Ring for connections whose events are due to be compared. Returns how many."""
    found = lanes("connections whose events are to be compared with Stripe's", _LANES_TO_RECOVER)
    recovery_bell.ring(*found)
    return len(found)
