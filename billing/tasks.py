"""Celery tasks of billing: a lane in, scope entered, one call. Losing one costs a sweep's interval."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from celery import shared_task
from django.db import connection

from pqintel.queue import hold_lane
from pqintel.workspaces.tenancy import everywhere, scope, scoped_transaction

from .actions import recalculation
from .actions.access.due import settle_due
from .lanes import lane_of, lane_parts
from .models import RULES
from .modes import Mode

SECONDS = 1.0
"""How long a recalculation holds a lane before the lane's events get their turn."""
PATIENCE_SECONDS = 3.0

_DUE = "SELECT DISTINCT workspace_id, mode FROM billing_access WHERE until <= now()"
_OUTDATED = f"""
SELECT s.workspace_id, s.mode FROM billing_syncstate s
WHERE s.rules < {RULES} AND NOT EXISTS (
    SELECT FROM billing_recalculation r
    WHERE r.workspace_id = s.workspace_id AND r.mode = s.mode AND r.done_at IS NULL
)
"""  # noqa: S608 - a number of our own
_OPEN = "SELECT workspace_id, mode FROM billing_recalculation WHERE done_at IS NULL"


@shared_task(name="billing.tasks.recalculate")
def recalculate(lane: int) -> bool:
    """Go on with a lane's recalculation for about a second, and ring again if some is left. Whether some is."""
    recalculation.bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    until = time.monotonic() + PATIENCE_SECONDS
    with scope(workspace_id):
        while True:
            with hold_lane(lane) as held:
                if held:
                    left = recalculation.go_on(workspace_id, mode, SECONDS)
                    break
            if time.monotonic() >= until:
                return True  # a worker drains the lane all the time; the sweep rings again
            time.sleep(0.05)
    if left:
        recalculation.bell.ring(lane)
    return left


@shared_task(name="billing.tasks.sweep_recalculations")
def sweep_recalculations() -> int:
    """Ring for recalculations that are not done, and begin those that an update of the rules asks for. Counts lanes."""
    with everywhere("recalculations that are not done"), connection.cursor() as cursor:
        cursor.execute(_OUTDATED)
        outdated = [(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    for workspace_id, mode in outdated:
        with scoped_transaction(workspace_id):
            recalculation.ask(workspace_id, "An update computes numbers by other rules", datetime.now(UTC), (mode,))
    with everywhere("recalculations that are not done"), connection.cursor() as cursor:
        cursor.execute(_OPEN)
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    recalculation.bell.ring(*lanes)
    return len(lanes)


@shared_task(name="billing.tasks.settle_access")
def settle_access() -> int:
    """Decide anew about access that was to end by now: an override, a grace. Returns how many customers were due.

    A lane that a worker holds waits for the next beat.
    """
    with everywhere("access that ends by now"), connection.cursor() as cursor:
        cursor.execute(_DUE)
        places = [(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    settled = 0
    for workspace_id, mode in places:
        with scope(workspace_id), hold_lane(lane_of(workspace_id, mode)) as held:
            if held:
                settled += settle_due(workspace_id, mode)
    return settled
