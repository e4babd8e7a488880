"""Sending the letters that wait, lane by lane."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from dunning.letters import sending
from dunning.letters.outbox import bell
from pqintel.workspaces.tenancy import everywhere, scope

_LANES_WITH_LETTERS: Final = """
SELECT DISTINCT workspace_id, mode FROM dunning_letter WHERE state = 'waiting' AND next_attempt_at <= %s
"""


@shared_task(name="dunning.tasks.send_letters")
def send_letters(lane: int) -> int:
    """Send what is due in a lane for about five seconds, and ring again if more is. Returns how many were sent."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        visit = sending.visit(workspace_id, mode)
    if visit.more:
        bell.ring(lane)
    return visit.sent


@shared_task(name="dunning.tasks.sweep_letters")
def sweep_letters() -> int:
    """Ring for lanes with letters that are due: a ring was lost, a pause is over, a sender died. How many."""
    with everywhere("letters that are due"), connection.cursor() as cursor:
        cursor.execute(_LANES_WITH_LETTERS, (timezone.now(),))
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
