"""First invoices whose failure opened no case, because their subscription was not known to have begun then.

Most never begin. Where it turns out that one has (Stripe's events come in any order, and what a read of the API brings
makes no news), its case is opened here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from billing.actions.bulk import fetch
from billing.begun import FIRST, NEVER_BEGAN
from billing.failures import FAILURE_FACTS
from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import Work, hold_lane

from .reactions import react

LOOKED_BACK: Final = timedelta(days=30)
"""How old such an invoice can be: Stripe keeps its events for so long, so nothing of an older one is learnt as news."""
MOST: Final = 500
"""Whose cases are opened in one visit."""

# What failed since the connection was made, was told before the subscription was known to have begun, and has no case.
# Where it was known already, the news of the failure decided (reactions.py), and is not asked again.
_PUT_OFF: Final = """
FROM integrations_connection c
JOIN billing_invoice i ON i.workspace_id = c.workspace_id AND i.mode = c.mode
    AND i.status = 'open' AND i.created >= %(since)s AND i.billing_reason = %(first)s
JOIN billing_subscription s ON s.workspace_id = i.workspace_id AND s.mode = i.mode AND s.stripe_id = i.subscription
    AND s.status <> ALL(%(never)s) AND s.status <> 'canceled'
WHERE c.status = 'connected' AND c.connected_at IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM dunning_policy p
        WHERE p.workspace_id = i.workspace_id AND p.mode = i.mode AND NOT p.enabled
    )
    AND NOT EXISTS (
        SELECT 1 FROM dunning_case d
        WHERE d.workspace_id = i.workspace_id AND d.mode = i.mode AND d.invoice = i.stripe_id
    )
    AND EXISTS (
        SELECT 1 FROM billing_historyentry h
        WHERE h.workspace_id = i.workspace_id AND h.mode = i.mode AND h.object_kind = 'invoice'
            AND h.object_id = i.stripe_id AND h.kind = ANY(%(facts)s) AND NOT h.is_change
            AND h.happened_at >= date_trunc('second', c.connected_at)
            AND NOT EXISTS (
                SELECT 1 FROM billing_version v
                WHERE v.workspace_id = i.workspace_id AND v.mode = i.mode AND v.kind = 'subscription'
                    AND v.object_id = i.subscription AND v.learnt_at <= h.learnt_at
                    AND v.state->>'status' <> ALL(%(never)s)
            )
    )
"""
LANES: Final = f"SELECT DISTINCT i.workspace_id, i.mode {_PUT_OFF}"
_INVOICES: Final = f"""
SELECT i.stripe_id {_PUT_OFF} AND c.workspace_id = %(ws)s AND c.mode = %(mode)s ORDER BY 1 LIMIT {MOST}
"""


def given(now: datetime) -> dict[str, Any]:
    """The parameters of `LANES`, which wants to see every workspace."""
    return {
        "since": now - LOOKED_BACK,
        "first": FIRST,
        "never": list(NEVER_BEGAN),
        "facts": list(FAILURE_FACTS),
    }


def open_put_off(workspace_id: int, mode: Mode, now: datetime) -> int:
    """Open the cases that were put off and may open by now. Returns of how many invoices that was asked.

    Must run in scope, outside a transaction; idempotent. Does nothing while somebody reacts to news of the lane, who
    could open the same case: the next sweep comes.
    """
    with hold_lane(lane_of(workspace_id, mode), Work.REACTING) as held:
        if not held:
            return 0
        with transaction.atomic():
            rows = fetch(_INVOICES, {**given(now), "ws": workspace_id, "mode": str(mode)})
            invoices = [invoice for (invoice,) in rows]
            react(workspace_id, mode, invoices, invoices, (), now)
    return len(invoices)
