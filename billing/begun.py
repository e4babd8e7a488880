"""Whether the subscription has begun that an invoice bills for the first time.

Until the first payment succeeds a subscription is `incomplete`, and Stripe gives it up after 23 hours. Whoever failed
to pay may still be in the checkout, may have left it, or may be trying out stolen cards under another person's address:
nobody is a customer yet, and nothing is owed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .actions.bulk import fetch, unique
from .modes import Mode

NEVER_BEGAN: Final = ("incomplete", "incomplete_expired")
"""The statuses of a subscription whose first payment has not succeeded."""
FIRST: Final = "subscription_create"
"""The `billing_reason` of a subscription's first invoice."""

# What failed before the subscription became active was the way to the payment that made it so: that the invoice is
# still open then only says that the event of that payment has yet to come. Whoever is sent invoices is active at once.
_NOT_BEGUN: Final = """
SELECT i.stripe_id
FROM unnest(%(invoices)s::text[]) AS t(id)
JOIN billing_invoice i ON i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.stripe_id = t.id
LEFT JOIN billing_subscription s ON s.workspace_id = %(ws)s AND s.mode = %(mode)s AND s.stripe_id = i.subscription
LEFT JOIN LATERAL (
    SELECT to_timestamp(min(v.position) / 2) AS at, bool_or(v.state->>'status' IN ('past_due', 'unpaid')) AS behind
    FROM billing_version v
    WHERE v.workspace_id = %(ws)s AND v.mode = %(mode)s AND v.kind = 'subscription' AND v.object_id = i.subscription
        AND v.state->>'status' <> ALL(%(never)s)
) begun ON i.billing_reason = %(first)s
WHERE s.status = ANY(%(never)s) OR i.billing_reason = %(first)s AND (
    s.stripe_id IS NULL
    OR s.status IN ('active', 'trialing') AND s.collection_method IS DISTINCT FROM 'send_invoice'
        AND NOT coalesce(begun.behind, false)
        AND NOT EXISTS (
            SELECT 1 FROM billing_failure f
            WHERE f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.subject = i.stripe_id
                AND f.happened_at >= begun.at
        )
)
"""


def not_begun(workspace_id: int, mode: Mode, invoices: Iterable[str]) -> set[str]:
    """Those of the invoices (Stripe's ids) whose subscription has not begun, as far as anything known says.

    Of a first invoice whose subscription is not known yet, that is taken for granted. A function of what is known,
    never of the order in which it came. One query, none for no invoices. Must run in scope.
    """
    wanted = unique(invoices)
    if not wanted:
        return set()
    given = {"ws": workspace_id, "mode": str(mode), "invoices": wanted, "never": list(NEVER_BEGAN), "first": FIRST}
    return {invoice for (invoice,) in fetch(_NOT_BEGUN, given)}
