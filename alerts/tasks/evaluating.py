"""Judging rules: of one lane, and the beat that finds the lanes whose rules may see something new."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alerts.deciding import bell
from alerts.deciding import evaluate as judge
from alerts.retention import forget_findings as forget
from billing.lanes import lane_of, lane_parts
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import everywhere, scoped_transaction

# Since somebody looked numbers have changed, time is up, a channel changed its state, or a silence ended.
_DUE: Final = """
SELECT c.workspace_id, c.mode FROM integrations_connection c
LEFT JOIN alerts_watch w ON w.workspace_id = c.workspace_id AND w.mode = c.mode
LEFT JOIN billing_syncstate s ON s.workspace_id = c.workspace_id AND s.mode = c.mode
WHERE c.status IN ('connected', 'broken') AND (
    w.looked_at IS NULL OR w.next_at <= %(now)s OR w.version < coalesce(s.version, 0)
    OR EXISTS (
        SELECT FROM integrations_channel h WHERE h.workspace_id = c.workspace_id AND h.since > w.looked_at
    ) OR EXISTS (
        SELECT FROM integrations_silence q
        WHERE q.workspace_id = c.workspace_id AND q.mode = c.mode AND q.ends > w.looked_at
    )
)
"""


@shared_task(name="alerts.tasks.evaluate")
def evaluate(lane: int) -> int:
    """Judge a lane's rules. Returns how many findings there were."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    with scoped_transaction(workspace_id):
        if not Workspace.objects.filter(pk=workspace_id).exists():
            return 0  # it was removed since somebody rang
        return judge(workspace_id, mode, timezone.now()).findings


@shared_task(name="alerts.tasks.forget_findings")
def forget_findings() -> int:
    """Delete what was found too long ago to matter. Returns how many findings."""
    return forget(timezone.now())


@shared_task(name="alerts.tasks.sweep_rules")
def sweep_rules() -> int:
    """Ring for the lanes whose rules may see something new. Returns how many."""
    with everywhere("lanes whose rules may see something new"), connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": timezone.now()})
        lanes = [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
