"""Customers who came through Checkout have a name before their own event comes: the one that they typed there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from billing.snapshots import Kind

from .bulk import fetch, unique
from .timeline import Chain

# Of several checkouts the newest counts; where none has a name any more, none is kept. A customer's own event
# (position >= 0) says better, and is left alone.
_INTRODUCE: Final = """
UPDATE billing_customer c SET name = typed.name, email = typed.email
FROM (
    SELECT DISTINCT ON (t.id) t.id AS customer, k.name, k.email
    FROM unnest(%(customers)s::text[]) AS t(id) LEFT JOIN billing_checkout k
        ON k.workspace_id = %(ws)s AND k.mode = %(mode)s AND k.customer = t.id
        AND (k.name IS NOT NULL OR k.email IS NOT NULL)
    ORDER BY t.id, k.position DESC NULLS LAST, k.stripe_id DESC
) typed
WHERE c.workspace_id = %(ws)s AND c.mode = %(mode)s AND c.stripe_id = typed.customer AND c.position = -1
    AND (c.name, c.email) IS DISTINCT FROM (typed.name, typed.email)
RETURNING c.stripe_id, c.name, c.email
"""


def introduce(workspace_id: int, mode: str, chains: Iterable[Chain]) -> list[dict[str, Any]]:
    """Name the customers of a batch's checkouts who are known by reference alone. One statement, or none.

    Returns:
        Their `id`, `name` and `email`, where these changed.
    """
    customers = unique(chain.last.whole["customer"] for chain in chains if chain.kind is Kind.CHECKOUT)
    if not customers:
        return []
    rows = fetch(_INTRODUCE, {"customers": customers, "ws": workspace_id, "mode": mode})
    return [dict(zip(("id", "name", "email"), row, strict=True)) for row in rows]
