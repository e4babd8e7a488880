"""Who reacts to what happens: the whole wiring on one page, and its dispatch.

A line of the history comes to those named for its kind, in the order in which they stand here; `ANY` is every kind.
What a reaction may count on stands in `billing/reacting.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alerts import reactions as alerts
from billing.actions import reacting
from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from billing.reacting import Reaction, Reactions, bell
from dunning import reactions as dunning
from dunning.letters import occasions
from pqintel.workspaces.tenancy import everywhere, scope

_WIRING: Final[Sequence[tuple[Reaction, Collection[str]]]] = (
    (dunning.advance_cases, dunning.LINES),
    (alerts.tell, alerts.LINES),
    (alerts.judge_failures, alerts.FAILURE_LINES),
    (alerts.judge_numbers, alerts.NUMBER_LINES),
    (occasions.welcome, occasions.BEGINNINGS),
    (occasions.first_steps, occasions.CHECKOUTS),
    (occasions.goodbye, occasions.ENDS),
)
"""Each reaction, in the order in which they are called, and the kinds of lines that it is called for."""

REACTIONS: Final[Reactions] = {
    kind: tuple(reaction for reaction, kinds in _WIRING if kind in kinds)
    for kind in sorted({kind for _, kinds in _WIRING for kind in kinds})
}

_LANES_THAT_WAIT: Final = """
SELECT DISTINCT workspace_id, mode FROM billing_pendingreaction WHERE gave_up_at IS NULL AND due_at <= %s
"""


@shared_task(name="pqintel.reactions.react")
def react(lane: int) -> int:
    """React to what waits in a lane for about a second, and ring again if more does. Returns how many lines."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        reacted = reacting.visit(workspace_id, mode, REACTIONS, timezone.now)
    if reacted.more:
        bell.ring(lane)
    return reacted.lines


@shared_task(name="pqintel.reactions.sweep")
def sweep() -> int:
    """Ring for lanes whose lines wait: a ring was lost, a worker died, a pause is over. Returns how many lanes."""
    with everywhere("lines of history that wait for reactions"), connection.cursor() as cursor:
        cursor.execute(_LANES_THAT_WAIT, (timezone.now(),))
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
