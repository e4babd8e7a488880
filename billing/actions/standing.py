"""How subscriptions stand with their payments: derived from invoices, payments, links and failures in one update."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from billing.snapshots import Fact, Kind

from .bulk import fetch, unique
from .failures import refail
from .timeline import Chain

# An invoice whose payments have succeeded over the whole sum is paid, though its own event may not have come yet.
COVERED: Final = """(i.amount_due > 0 AND i.amount_due <= (
    SELECT coalesce(sum(p.amount_received), 0) FROM billing_paymentlink l JOIN billing_payment p
        ON p.workspace_id = l.workspace_id AND p.mode = l.mode AND p.stripe_id = l.payment AND p.status = 'succeeded'
    WHERE l.workspace_id = i.workspace_id AND l.mode = i.mode AND l.invoice = i.stripe_id))"""
_OF_SUBSCRIPTION: Final = "i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.subscription = touched.id"
_STAND: Final = f"""
WITH touched AS MATERIALIZED (
    SELECT unnest(%(subscriptions)s::text[]) AS id
    UNION
    SELECT i.subscription FROM unnest(%(payments)s::text[]) AS t(id)
    JOIN billing_paymentlink l ON l.workspace_id = %(ws)s AND l.mode = %(mode)s AND l.payment = t.id
    JOIN billing_invoice i ON i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.stripe_id = l.invoice
    WHERE i.subscription IS NOT NULL
), stood AS (
UPDATE billing_subscription s
SET payment_status = stands.status, failed_attempts = stands.failed, last_paid_at = stands.paid_at
FROM (
    SELECT touched.id, paid.at AS paid_at, coalesce(owed.failed, 0) AS failed, coalesce(newest.status, 'none') AS status
    FROM touched
    LEFT JOIN LATERAL (
        SELECT max(i.paid_at) AS at FROM billing_invoice i WHERE {_OF_SUBSCRIPTION} AND i.status = 'paid'
    ) paid ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS failed FROM billing_invoice i JOIN billing_failure f
            ON f.workspace_id = i.workspace_id AND f.mode = i.mode AND f.subject = i.stripe_id
            AND f.happened_at >= coalesce(paid.at, '-infinity')
        WHERE {_OF_SUBSCRIPTION} AND i.status = 'open' AND NOT {COVERED}
    ) owed ON true
    LEFT JOIN LATERAL (
        SELECT CASE
            WHEN i.status = 'paid' OR {COVERED} THEN 'paid'
            WHEN i.status = 'void' THEN 'void'
            WHEN i.status = 'uncollectible' THEN 'written_off'
            WHEN last.decline = 'authentication' THEN 'action_required'
            WHEN last.attempt IS NOT NULL OR (i.attempt_count > 0 AND i.next_payment_attempt IS NOT NULL) THEN 'failing'
            ELSE 'due' END AS status
        FROM (
            SELECT * FROM billing_invoice i
            WHERE {_OF_SUBSCRIPTION} AND i.status NOT IN ('draft', 'deleted')
            ORDER BY i.created DESC, i.stripe_id DESC LIMIT 1
        ) i
        LEFT JOIN LATERAL (
            SELECT f.attempt, f.decline FROM billing_failure f
            WHERE f.workspace_id = i.workspace_id AND f.mode = i.mode AND f.subject = i.stripe_id
            ORDER BY f.attempt DESC LIMIT 1
        ) last ON true
    ) newest ON true
) stands
WHERE s.workspace_id = %(ws)s AND s.mode = %(mode)s AND s.stripe_id = stands.id
    AND (s.payment_status, s.failed_attempts, s.last_paid_at)
        IS DISTINCT FROM (stands.status, stands.failed, stands.paid_at)
RETURNING 1
)
SELECT NULL, count(*) FROM stood
UNION ALL
SELECT DISTINCT h.customer, 0 FROM touched JOIN billing_accesshold h
    ON h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.subscription = touched.id
"""  # noqa: S608 - all names are our own


class Stood(NamedTuple):
    """The customers of whom one of the subscriptions is or was held back; how many subscriptions stood otherwise."""

    held: set[str]
    changed: int


def collect(
    workspace_id: int, mode: str, facts: Iterable[Fact], chains: Sequence[Chain], links: Sequence[tuple[str, str]]
) -> set[str]:
    """Bring failures, and how subscriptions stand, in line with what a batch taught; at most three statements.

    Facts, links and the states of the chains must be written already. Any order of batches gives the same rows.

    Returns:
        The customers of whom a subscription that the batch touched is or was held back (models.AccessHold).
    """
    failing = refail(workspace_id, mode, facts, chains, links)
    billed = (chain.last.whole["subscription"] for chain in chains if chain.kind is Kind.INVOICE)
    shown = (chain.object_id for chain in chains if chain.kind is Kind.SUBSCRIPTION)
    subscriptions = unique((*failing, *billed, *shown))
    payments = unique(
        (*(chain.object_id for chain in chains if chain.kind is Kind.PAYMENT), *(payment for _, payment in links))
    )
    return stand(workspace_id, mode, subscriptions, payments).held


def stand(workspace_id: int, mode: str, subscriptions: Sequence[str], payments: Sequence[str] = ()) -> Stood:
    """Say anew how these subscriptions, and those that these payments are for, stand. One statement at most.

    Failures must be written already. Must run in a transaction inside the scope, by the one holder of the lane.
    """
    if not subscriptions and not payments:
        return Stood(set(), 0)
    params: dict[str, Any] = {
        "ws": workspace_id,
        "mode": mode,
        "subscriptions": list(subscriptions),
        "payments": list(payments),
    }
    rows = fetch(_STAND, params)
    return Stood({customer for customer, _ in rows if customer is not None}, sum(changed for _, changed in rows))
