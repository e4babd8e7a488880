"""Failed attempts to collect from a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.lists.rows import Place
from billing.models import Failure, Invoice
from billing.money import Money

from .parts import ROWS, Some


@dataclass(frozen=True)
class FailureRow:
    """One failed attempt. `reason` and `meaning` are for the team ("" where nothing has told them)."""

    happened_at: datetime
    amount: Money
    reason: str
    meaning: str
    attempt: int
    invoice: str | None
    invoice_label: str
    payment: str | None
    next_attempt: datetime | None


def failures(place: Place, customer: str) -> Some[FailureRow]:
    """The newest failed attempts of a customer. Two queries. Must run in scope."""
    newest = place.all(Failure).filter(customer=customer).order_by("-happened_at", "-id")
    found = list(newest[: ROWS + 1])
    shown = found[:ROWS]
    invoices = place.all(Invoice).filter(stripe_id__in={failure.invoice for failure in shown if failure.invoice})
    numbers = dict(invoices.values_list("stripe_id", "number"))
    return Some(
        [
            FailureRow(
                happened_at=failure.happened_at,
                amount=Money(failure.amount, failure.currency),
                reason=failure.reason,
                meaning=failure.get_decline_display() if failure.decline else "",
                attempt=failure.attempt,
                invoice=failure.invoice,
                invoice_label=numbers.get(failure.invoice or "") or failure.invoice or "",
                payment=failure.payment,
                next_attempt=failure.next_payment_attempt,
            )
            for failure in shown
        ],
        more=len(found) > ROWS,
    )
