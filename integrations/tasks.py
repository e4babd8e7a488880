"""Celery tasks: integers in, scope entered, one call. Losing one costs a sweep's interval, never an event."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from celery import Task, shared_task
from django.db import connection, transaction

from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from pqintel.queue import RUNG, Doorbell, Turns
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance
from pqintel.workspaces.tenancy import everywhere, scope

from .models import Connection
from .stripe import drain as draining
from .stripe import inbox, reads
from .stripe.webhook import doorbell

read_bell = Doorbell("integrations.tasks.read", queue="bulk")
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
_LANES_TO_READ = """
SELECT DISTINCT c.workspace_id, c.mode FROM integrations_read r JOIN integrations_connection c ON c.id = r.connection_id
WHERE r.done_at IS NULL AND r.due_at <= now()
"""
_WIPE = """
UPDATE integrations_inboxevent
SET body = NULL, state = 'dismissed', reason = left('Dismissed after 30 days: ' || reason, 1000)
WHERE workspace_id = %s AND state = 'quarantined' AND received_at < now() - interval '30 days'
"""


@shared_task(name="integrations.tasks.drain", bind=True)
def drain(self: Task[..., int], lane: int) -> int:
    """Process a lane for about a second and ring again if more waits. Returns the number of events."""
    doorbell.heard(lane)  # first of all: a mark that stays keeps everybody else from ringing
    if turns.answered(lane, (self.request.headers or {}).get(RUNG)):
        return 0
    began = time.time()
    drained = draining.drain(lane)
    turns.note(lane, began, more=drained.more)
    if drained.more:
        doorbell.ring(lane)
    if drained.asked:
        read_bell.ring(lane)
    return drained.events


@shared_task(name="integrations.tasks.sweep_inbox")
def sweep_inbox() -> int:
    """Ring for lanes whose events have waited for 2 s: their ring was lost. Returns how many."""
    lanes = _lanes("events that wait for a worker", _LANES_THAT_WAIT)
    doorbell.ring(*lanes)
    return len(lanes)


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
    lanes = _lanes("reads that are due", _LANES_TO_READ)
    read_bell.ring(*lanes)
    return len(lanes)


@shared_task(name="integrations.tasks.release_held")
def release_held() -> int:
    """Let events wait for a worker again where the workspace's plan includes the integration again. Counts lanes."""
    released = 0
    for lane in _lanes("lanes with held events", _LANES_THAT_HOLD):
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
        with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_WIPE, (workspace_id,))
            wiped += cursor.rowcount
    return wiped


def _lanes(reason: str, sql: str) -> list[int]:
    with everywhere(reason), connection.cursor() as cursor:
        cursor.execute(sql)
        return [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
