"""Summaries that are due."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from alerts.digest.choosing import timetables
from alerts.digest.schedule import due
from alerts.digest.sending import bell, settle
from billing.lanes import lane_of, lane_parts
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import everywhere, scope


@shared_task(name="alerts.tasks.send_digests")
def send_digests(lane: int) -> int:
    """Decide the summaries of a lane that are due. Returns how many there were; none of a workspace that is gone."""
    bell.heard(lane)
    workspace_id, mode = lane_parts(lane)
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        return 0
    with scope(workspace):
        return len(settle(workspace, mode, timezone.now()))


@shared_task(name="alerts.tasks.sweep_digests")
def sweep_digests() -> int:
    """Ring for the lanes that have a summary due. One query over all workspaces. Returns how many lanes."""
    now = timezone.now()
    with everywhere("summaries that are due"):
        places = timetables()
    lanes = {lane_of(place.workspace_id, place.mode) for place in places if due(place.table, now)}
    bell.ring(*lanes)
    return len(lanes)
