"""Events that wait: processing a lane, and the sweeps that find what was not rung for."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from celery import Task, shared_task
from django.db import connection, transaction

from billing.lanes import lane_parts
from integrations.models import Connection
from integrations.stripe import backfill, inbox, quarantine
from integrations.stripe import drain as draining
from integrations.stripe.webhook import doorbell
from pqintel.queue import RUNG, Turns
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance
from pqintel.workspaces.tenancy import everywhere, scope

from .lanes import lanes
from .reading import read_bell

turns = Turns()

_LANES_THAT_WAIT = """
SELECT c.workspace_id, c.mode FROM integrations_connection c
WHERE EXISTS (
    SELECT FROM integrations_inboxevent e
    WHERE e.workspace_id = c.workspace_id AND e.connection_id = c.id AND e.state = 'pending'
      AND e.received_at < now() - interval '2 seconds'
)
"""
_LANES_THAT_HOLD = """
SELECT c.workspace_id, c.mode FROM integrations_connection c
WHERE EXISTS (
    SELECT FROM integrations_inboxevent e
    WHERE e.workspace_id = c.workspace_id AND e.connection_id = c.id AND e.state = 'held'
)
"""


@shared_task(name="integrations.tasks.drain", bind=True)
def drain(self: Task[..., int], lane: int) -> int:
    """Process a lane for about a second and ring again if more waits. Returns the number of events."""
    # Before the mark is taken away: a ring that comes in between is later than this visit, and must get one of its own,
    # for while it is on its way nobody else can ring.
    began = time.time()
    doorbell.heard(lane)  # before anything else: a mark that stays keeps everybody from ringing
    if turns.answered(lane, (self.request.headers or {}).get(RUNG)):
        return 0
    drained = draining.drain(lane)
    turns.note(lane, began, more=drained.more)
    if drained.more:
        doorbell.ring(lane)
    if drained.asked:
        read_bell.ring(lane)
    if drained.pages:
        backfill.bell.ring(lane)
    return drained.events


@shared_task(name="integrations.tasks.sweep_inbox")
def sweep_inbox() -> int:
    """Ring for lanes whose events have waited for 2 s: their ring was lost. Returns how many."""
    found = lanes("events that wait for a worker", _LANES_THAT_WAIT)
    doorbell.ring(*found)
    return len(found)


@shared_task(name="integrations.tasks.release_held")
def release_held() -> int:
    """Let events wait for a worker again where the workspace's plan includes the integration again. Counts lanes."""
    released = 0
    for lane in lanes("lanes with held events", _LANES_THAT_HOLD):
        workspace_id, mode = lane_parts(lane)
        workspace = Workspace.objects.get(pk=workspace_id)
        if not allowance(workspace, datetime.now(UTC)).stripe_integration:
            continue
        with scope(workspace_id), transaction.atomic():
            inbox.release(workspace_id, Connection.objects.get(workspace_id=workspace_id, mode=mode).pk)
        doorbell.ring(lane)
        released += 1
    return released


@shared_task(name="integrations.tasks.wipe_expired")
def wipe_expired() -> int:
    """Dismiss quarantined events after 30 days and wipe their payloads (P12). Returns how many."""
    wiped = 0
    with everywhere("workspaces with quarantined events"), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT workspace_id FROM integrations_inboxevent WHERE state = 'quarantined'")
        workspaces = [row[0] for row in cursor.fetchall()]
    for workspace_id in workspaces:
        with scope(workspace_id), transaction.atomic():
            wiped += quarantine.expire(workspace_id, datetime.now(UTC))
    return wiped
