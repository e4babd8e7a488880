"""Sending what waits in the outbox, channel by channel."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.db import connection

from integrations.channels import notices, sending
from integrations.channels.lanes import lane_of, lane_parts
from integrations.channels.outbox import bell
from pqintel.workspaces.tenancy import everywhere, scope

_CHANNELS_WITH_WORK: Final = """
SELECT c.workspace_id, c.number FROM integrations_channel c
WHERE c.removed_at IS NULL AND coalesce(c.next_send_at <= now(), true) AND (
    (c.state = 'broken' AND c.told_at IS NULL)
    OR (c.state = 'ok' AND EXISTS (
        SELECT FROM integrations_delivery d
        WHERE d.workspace_id = c.workspace_id AND d.channel_id = c.id AND d.state = 'waiting'
          AND d.next_attempt_at <= now()
    ))
)
"""


@shared_task(name="integrations.tasks.send_deliveries")
def send_deliveries(lane: int) -> int:
    """Send what is due for a channel for about five seconds, and ring again if more is. Returns how many were sent."""
    bell.heard(lane)
    workspace_id, number = lane_parts(lane)
    with scope(workspace_id):
        visit = sending.visit(workspace_id, number)
        notices.tell_if_broken(workspace_id, number)
    if visit.more:
        bell.ring(lane)
    return visit.sent


@shared_task(name="integrations.tasks.sweep_deliveries")
def sweep_deliveries() -> int:
    """Ring for channels with deliveries that are due: a ring was lost, a pause is over, a sender died. How many."""
    with everywhere("channels with deliveries that are due"), connection.cursor() as cursor:
        cursor.execute(_CHANNELS_WITH_WORK)
        lanes = [lane_of(workspace_id, number) for workspace_id, number in cursor.fetchall()]
    bell.ring(*lanes)
    return len(lanes)
