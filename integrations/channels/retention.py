"""How long deliveries are remembered: 90 days, much longer than anything decides about the same thing again.

What happened more than three days before it was learnt tells nobody, so no decision comes back after 90 days to find
its `dedupe_key` forgotten; events themselves are known for 45 days (integrations.stripe.retention).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from integrations.models import Delivery, DeliveryState
from pqintel.workspaces.tenancy import everywhere, scope

DELIVERIES_KEPT: Final = timedelta(days=90)
BATCH: Final = 5_000
MOST: Final = 200_000
"""Rows that one run looks at: the next one goes on."""


def forget_deliveries(now: datetime, *, batch: int = BATCH, most: int = MOST) -> int:
    """Delete deliveries that were decided more than 90 days ago, of all workspaces. Returns how many.

    What waits stays; what a broken channel holds goes too, once its time for tries is over. Looks at `most` rows in
    batches, the oldest first, and ends with the first that is young. Commits batch by batch; must run outside a
    transaction.

    Args:
        now: aware.
    """
    before, after, looked, gone = now - DELIVERIES_KEPT, 0, 0, 0
    while looked < most:
        with everywhere("the oldest deliveries"):
            oldest = Delivery.objects.filter(id__gt=after).order_by("id")
            rows = list(oldest.values_list("id", "workspace_id", "created_at")[:batch])
        old: dict[int, list[int]] = {}
        for delivery, workspace_id, created_at in rows:
            if created_at < before:
                old.setdefault(workspace_id, []).append(delivery)
        for workspace_id, deliveries in old.items():
            gone += _delete(workspace_id, deliveries, now)
        if len(rows) < batch or rows[-1][2] >= before:
            break
        after, looked = rows[-1][0], looked + len(rows)
    return gone


def _delete(workspace_id: int, deliveries: list[int], now: datetime) -> int:
    """Looked at again in the transaction that deletes: somebody may have asked for another try meanwhile."""
    with scope(workspace_id), transaction.atomic():
        rows = Delivery.objects.filter(workspace_id=workspace_id, id__in=deliveries, give_up_at__lt=now)
        return rows.exclude(state=DeliveryState.WAITING).delete()[0]
