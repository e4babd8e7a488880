"""Comparing with Stripe, a part at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from celery import shared_task
from django.db import transaction

from billing.lanes import lane_parts
from integrations.models import Connection
from integrations.stripe import reconcile as reconciling
from integrations.stripe.webhook import doorbell
from pqintel.queue import Doorbell
from pqintel.workspaces.tenancy import scope

from .lanes import lanes

reconcile_bell = Doorbell("integrations.tasks.reconcile", queue="bulk")
SOON: Final = timedelta(seconds=1)

_LANES_TO_RECONCILE: Final = """
SELECT workspace_id, mode FROM integrations_reconciliation
WHERE finished_at IS NULL AND due_at <= now() AND coalesce(busy_until <= now(), true)
"""
# Nightly from two o'clock on where the workspace is, each connection at a minute of its own; and a day and a half after
# the last one at any time, for nights without a beat. A connection's first run is that of the night after.
_LANES_BY_NIGHT: Final = """
SELECT c.workspace_id, c.mode
FROM integrations_connection c
JOIN workspaces_workspace w ON w.id = c.workspace_id
CROSS JOIN LATERAL (
    SELECT coalesce(max(r.started_at), c.connected_at) AS at FROM integrations_reconciliation r
    WHERE r.workspace_id = c.workspace_id AND r.mode = c.mode
) last
CROSS JOIN LATERAL (SELECT now() AT TIME ZONE w.timezone AS clock) here
WHERE c.status = 'connected' AND (
    last.at < now() - interval '36 hours'
    OR (
        last.at < now() - interval '12 hours'
        AND here.clock::time BETWEEN time '02:00' + make_interval(mins => abs(hashtext(c.id::text)) % 120)
                                 AND time '05:00'
    )
)
"""


@shared_task(name="integrations.tasks.reconcile")
def reconcile(lane: int) -> bool:
    """Do the next part of a connection's comparison. Returns whether there was one to do."""
    reconcile_bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        with transaction.atomic():
            stripe = Connection.objects.get(workspace_id=workspace_id, mode=mode)
        run = reconciling.advance(stripe, pump=lambda: doorbell.ring(lane))
    if run is not None and run.finished_at is None and run.due_at <= datetime.now(UTC) + SOON:
        reconcile_bell.ring(lane)
    return run is not None


@shared_task(name="integrations.tasks.sweep_reconciliations")
def sweep_reconciliations() -> int:
    """Ring for comparisons whose next part is due. Returns how many."""
    found = lanes("comparisons that go on", _LANES_TO_RECONCILE)
    reconcile_bell.ring(*found)
    return len(found)


@shared_task(name="integrations.tasks.begin_reconciliations")
def begin_reconciliations() -> int:
    """Begin the nightly comparisons whose time has come. Returns how many."""
    begun = 0
    for lane in lanes("connections to be compared this night", _LANES_BY_NIGHT):
        workspace_id, mode = lane_parts(lane)
        try:
            with scope(workspace_id), transaction.atomic():
                reconciling.begin(Connection.objects.get(workspace_id=workspace_id, mode=mode))
        except reconciling.CannotReconcile:
            continue  # its first reading goes on, or it was disconnected in this moment
        reconcile_bell.ring(lane)
        begun += 1
    return begun
