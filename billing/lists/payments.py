"""The list of payments, each with the invoices that it pays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from billing.declines import for_team
from billing.models import Invoice, Payment, PaymentLink
from billing.money import Money
from billing.names import customer_labels
from billing.statuses import PAYMENT, Status, status_of

from .filters import Filter, between, within
from .finding import find
from .forms import PaymentForm
from .money import currencies
from .paging import Order
from .rows import Column, Listing, Place


@dataclass(frozen=True)
class PaymentRow:
    """A payment as the lists show it. `invoices` are (id, number or id); `reason` is why the last attempt failed."""

    stripe_id: str
    customer: str | None
    customer_label: str
    status_name: str
    status: Status
    amount: Money
    received: Money | None
    reason: str
    created: datetime
    charge: str | None
    invoices: tuple[tuple[str, str], ...]
    certain: bool


def records(place: Place, wanted: Filter) -> QuerySet[Payment]:
    """The payments that a filter means."""
    found = find(place.all(Payment), place, wanted.search, ids=("stripe_id", "customer", "charge"))
    found = within(between(found, "created", wanted.since, wanted.until), "amount", wanted)
    if wanted.customer:
        found = found.filter(customer=wanted.customer)
    if wanted.status == "failed":
        broken = Q(failure_code__isnull=False) | Q(decline_code__isnull=False)
        return found.filter(broken).exclude(status="succeeded")
    return found.filter(status=wanted.status) if wanted.status else found


def rows(place: Place, payments: Sequence[Payment]) -> list[PaymentRow]:
    """Payments with their customers' names and their invoices. Three or four queries."""
    labels = customer_labels(place.workspace_id, place.mode, (payment.customer for payment in payments))
    invoices = invoices_of(place, (payment.stripe_id for payment in payments))
    return [
        PaymentRow(
            stripe_id=payment.stripe_id,
            customer=payment.customer,
            customer_label=labels.get(payment.customer or "", payment.customer or ""),
            status_name=payment.status,
            status=status_of(PAYMENT, payment.status),
            amount=Money(payment.amount, payment.currency),
            received=None if payment.amount_received is None else Money(payment.amount_received, payment.currency),
            reason=for_team(payment.failure_code, payment.decline_code),
            created=payment.created,
            charge=payment.charge,
            invoices=tuple(invoices.get(payment.stripe_id, ())),
            certain=payment.sure,
        )
        for payment in payments
    ]


def invoices_of(place: Place, payments: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """The invoices of payments as (id, number or id), by payment. Two queries."""
    links = list(place.all(PaymentLink).filter(payment__in=list(payments)).order_by("invoice"))
    numbers = dict(
        place.all(Invoice).filter(stripe_id__in={link.invoice for link in links}).values_list("stripe_id", "number")
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for link in links:
        found.setdefault(link.payment, []).append((link.invoice, numbers.get(link.invoice) or link.invoice))
    return found


PAYMENTS = Listing(
    name="payments",
    title="Payments",
    form=PaymentForm,
    orders={"created": Order("created"), "amount": Order("amount", instants=False)},
    records=records,
    rows=rows,
    choices=currencies,
    columns=(
        Column("id", lambda row: row.stripe_id),
        Column("customer", lambda row: row.customer),
        Column("customer_name", lambda row: row.customer_label),
        Column("status", lambda row: row.status_name),
        Column("currency", lambda row: row.amount.currency),
        Column("amount", lambda row: row.amount),
        Column("amount_received", lambda row: row.received),
        Column("failure_reason", lambda row: row.reason),
        Column("charge", lambda row: row.charge),
        Column("invoices", lambda row: " ".join(invoice for invoice, _ in row.invoices)),
        Column("created", lambda row: row.created),
    ),
)
