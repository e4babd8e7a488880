"""Whether an invoice is still owed: what is asked, of the present state, before anybody is reminded of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .actions.bulk import fetch, unique
from .actions.standing import COVERED
from .links import payment_page
from .modes import Mode
from .money import Money


class DebtState(StrEnum):
    """What has become of an invoice's debt. Only `OWED` is one to remind of.

    LOST: Stripe ended the subscription because the payment failed; CANCELLED: it ended for another reason, or for one
    that is not told (payloads before 2022 do not). NOT_BEGUN: the subscription's first payment has not succeeded, so
    nobody is a customer yet who would owe it (billing/begun.py).
    """

    OWED = "owed"
    NOT_DUE = "not_due"
    PAID = "paid"
    VOIDED = "voided"
    WRITTEN_OFF = "written_off"
    CANCELLED = "cancelled"
    LOST = "lost"
    CUSTOMER_DELETED = "customer_deleted"
    NOT_BEGUN = "not_begun"


@dataclass(frozen=True, slots=True)
class Debt:
    """One invoice's debt as it is now; `open` is what of it remains to be paid.

    `payment_url`: Stripe's own page for the payer, where there is one that can be linked (billing.links).
    """

    invoice: str
    state: DebtState
    open: Money
    customer: str | None
    subscription: str | None
    payment_url: str | None

    @property
    def owed(self) -> bool:
        return self.state is DebtState.OWED


_DEBTS: Final = f"""
SELECT i.stripe_id, i.amount_remaining, i.currency, i.customer, i.subscription, i.hosted_invoice_url, CASE
    WHEN i.status = 'paid' OR {COVERED} THEN 'paid'
    WHEN i.status = 'void' THEN 'voided'
    WHEN i.status = 'uncollectible' THEN 'written_off'
    WHEN i.status IS DISTINCT FROM 'open' OR i.amount_remaining <= 0 THEN 'not_due'
    WHEN c.deleted THEN 'customer_deleted'
    WHEN s.status IN ('canceled', 'incomplete_expired')
        THEN CASE WHEN s.cancellation_reason = 'payment_failed' THEN 'lost' ELSE 'cancelled' END
    WHEN s.status = 'incomplete' THEN 'not_begun'
    ELSE 'owed' END
FROM unnest(%(invoices)s::text[]) AS t(id)
JOIN billing_invoice i ON i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.stripe_id = t.id
LEFT JOIN billing_customer c ON c.workspace_id = %(ws)s AND c.mode = %(mode)s AND c.stripe_id = i.customer
LEFT JOIN billing_subscription s ON s.workspace_id = %(ws)s AND s.mode = %(mode)s AND s.stripe_id = i.subscription
"""  # noqa: S608 - all names are our own


def debts(workspace_id: int, mode: Mode, invoices: Iterable[str]) -> dict[str, Debt]:
    """The debts of those invoices (Stripe's ids) that are known. One query, by unique indexes. Must run in scope."""
    wanted = unique(invoices)
    if not wanted:
        return {}
    rows = fetch(_DEBTS, {"ws": workspace_id, "mode": str(mode), "invoices": wanted})
    return {
        invoice: Debt(invoice, DebtState(state), Money(remaining, currency), customer, subscription, payment_page(url))
        for invoice, remaining, currency, customer, subscription, url, state in rows
    }
