"""Reading the cards that customers pay with, and writing to those whose card expires."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from dunning.cards.rounds import bell, visit
from pqintel.workspaces.tenancy import everywhere, scope

_LANES_WITH_ROUNDS_DUE: Final = """
SELECT p.workspace_id, p.mode FROM dunning_policy p
JOIN integrations_connection c
    ON c.workspace_id = p.workspace_id AND c.mode = p.mode AND c.status = 'connected'
LEFT JOIN dunning_cardreading r ON r.workspace_id = p.workspace_id AND r.mode = p.mode
WHERE p.card_notice AND coalesce(r.due_at <= %s, true)
"""


@shared_task(name="dunning.tasks.look_at_cards")
def look_at_cards(lane: int) -> int:
    """Do what is due of a lane's round, and ring again if more is. Returns how many notices were decided."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        done = visit(workspace_id, mode, timezone.now())
    if done.more and not done.failure:
        bell.ring(lane)
    return len(done.notices)


@shared_task(name="dunning.tasks.sweep_cards")
def sweep_cards() -> int:
    """Ring for lanes whose round is due. Returns how many lanes."""
    with everywhere("cards that are to be looked at"), connection.cursor() as cursor:
        cursor.execute(_LANES_WITH_ROUNDS_DUE, (timezone.now(),))
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
