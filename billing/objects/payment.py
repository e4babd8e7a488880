"""A payment's page: its state, the invoices it pays, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.lists.filters import Filter
from billing.lists.history import HISTORY, HistoryRow
from billing.lists.invoices import INVOICES, InvoiceRow
from billing.lists.payments import PAYMENTS, PaymentRow
from billing.lists.rows import Place
from billing.models import Invoice, Payment, PaymentLink
from billing.snapshots import Kind

from .parts import LINES, Some, newest
from .versions import Versions, versions


@dataclass(frozen=True)
class PaymentPage:
    """Everything about one payment. `advice` is what the card's network says to do, in words ("" = nothing)."""

    record: Payment
    row: PaymentRow
    advice: str
    invoices: Sequence[InvoiceRow]
    history: Some[HistoryRow]
    versions: Versions


def payment_page(place: Place, stripe_id: str, after: str = "", before: str = "") -> PaymentPage | None:
    """The page of a payment; None where there is no such one. A fixed number of queries. Must run in scope."""
    record = place.all(Payment).filter(stripe_id=stripe_id).first()
    if record is None:
        return None
    (row,) = PAYMENTS.rows(place, [record])
    links = place.all(PaymentLink).filter(payment=stripe_id).values("invoice")
    invoices = list(place.all(Invoice).filter(stripe_id__in=links).order_by("-created", "-id"))
    return PaymentPage(
        record=record,
        row=row,
        advice=(record.advice_code or "").replace("_", " "),
        invoices=INVOICES.rows(place, invoices),
        history=newest(HISTORY, place, Filter(object_id=stripe_id), LINES),
        versions=versions(place, Kind.PAYMENT, stripe_id, after, before, record.currency),
    )
