"""An invoice's page: its amounts and dates, the payments that paid it, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.links import payment_page
from billing.lists.filters import Filter
from billing.lists.history import HISTORY, HistoryRow
from billing.lists.invoices import INVOICES, InvoiceRow
from billing.lists.payments import PAYMENTS, PaymentRow
from billing.lists.rows import Place
from billing.models import Invoice, Payment, PaymentLink
from billing.money import Money
from billing.snapshots import Kind

from .parts import LINES, Some, newest
from .versions import Versions, versions


@dataclass(frozen=True)
class InvoicePage:
    """Everything about one invoice. `amounts` are (label, Money) in the order of a bill, those that are known.

    `hosted_url` is Stripe's page for the payer; None where there is none.
    """

    record: Invoice
    row: InvoiceRow
    amounts: Sequence[tuple[str, Money]]
    hosted_url: str | None
    payments: Sequence[PaymentRow]
    history: Some[HistoryRow]
    versions: Versions


def invoice_page(place: Place, stripe_id: str, after: str = "", before: str = "") -> InvoicePage | None:
    """The page of an invoice; None where there is no such one. A fixed number of queries. Must run in scope."""
    record = place.all(Invoice).filter(stripe_id=stripe_id).first()
    if record is None:
        return None
    (row,) = INVOICES.rows(place, [record])
    links = place.all(PaymentLink).filter(invoice=stripe_id).values("payment")
    payments = list(place.all(Payment).filter(stripe_id__in=links).order_by("-created", "-id"))
    amounts = (
        ("Subtotal", record.subtotal),
        ("Tax", record.tax),
        ("Total", record.total),
        ("Amount due", record.amount_due),
        ("Paid", record.amount_paid),
        ("Remaining", record.amount_remaining),
    )
    return InvoicePage(
        record=record,
        row=row,
        amounts=[(label, Money(minor, record.currency)) for label, minor in amounts if minor is not None],
        hosted_url=payment_page(record.hosted_invoice_url),
        payments=PAYMENTS.rows(place, payments),
        history=newest(HISTORY, place, Filter(object_id=stripe_id), LINES),
        versions=versions(place, Kind.INVOICE, stripe_id, after, before, record.currency),
    )
