"""Opening cases that were put off until their subscription was known to have begun."""

from __future__ import annotations

from celery import shared_task
from django.db import connection
from django.utils import timezone

from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from dunning import put_off
from pqintel.queue import Doorbell
from pqintel.workspaces.tenancy import everywhere, scope

bell = Doorbell("dunning.tasks.open_cases", queue="react")


@shared_task(name="dunning.tasks.open_cases")
def open_cases(lane: int) -> int:
    """Open a lane's cases that were put off and may open by now. Returns of how many invoices that was asked."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        return put_off.open_put_off(workspace_id, mode, timezone.now())


@shared_task(name="dunning.tasks.sweep_put_off")
def sweep_put_off() -> int:
    """Ring for lanes with cases that were put off and may open by now. Returns how many lanes."""
    with everywhere("cases that were put off"), connection.cursor() as cursor:
        cursor.execute(put_off.LANES, put_off.given(timezone.now()))
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
