"""Taking the steps of cases that are due."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from dunning.run import run
from pqintel.queue import Doorbell
from pqintel.workspaces.tenancy import everywhere, scope

bell = Doorbell("dunning.tasks.run_cases", queue="react")

_LANES_WITH_STEPS_DUE: Final = """
SELECT DISTINCT workspace_id, mode FROM dunning_case
WHERE closed_at IS NULL AND paused_at IS NULL AND next_step_at <= %s
"""


@shared_task(name="dunning.tasks.run_cases")
def run_cases(lane: int) -> int:
    """Take every step of a lane's cases that is due. Returns how many lines their timelines got."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        return len(run(workspace_id, mode, timezone.now()).lines)


@shared_task(name="dunning.tasks.sweep_cases")
def sweep_cases() -> int:
    """Ring for lanes with steps that are due. Returns how many lanes."""
    with everywhere("cases with steps that are due"), connection.cursor() as cursor:
        cursor.execute(_LANES_WITH_STEPS_DUE, (timezone.now(),))
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
