"""The list of invoices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from billing.models import Invoice
from billing.money import Money
from billing.names import customer_labels
from billing.statuses import INVOICE, Status, status_of

from .filters import Filter, between, within
from .finding import find
from .forms import InvoiceForm
from .money import currencies
from .paging import Order
from .rows import Column, Listing, Place


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice as the lists show it. `label` is its number, before it has one its id."""

    stripe_id: str
    label: str
    customer: str | None
    customer_label: str
    subscription: str | None
    status_name: str | None
    status: Status
    due: Money
    paid: Money
    remaining: Money
    attempt_count: int
    created: datetime
    due_date: datetime | None
    paid_at: datetime | None
    certain: bool


def records(place: Place, wanted: Filter) -> QuerySet[Invoice]:
    """The invoices that a filter means."""
    ids = ("stripe_id", "customer", "subscription")
    found = find(place.all(Invoice), place, wanted.search, ids=ids, number="number")
    found = within(between(found, "created", wanted.since, wanted.until), "amount_due", wanted)
    if wanted.customer:
        found = found.filter(customer=wanted.customer)
    if wanted.subscription:
        found = found.filter(subscription=wanted.subscription)
    if wanted.status == "failing":
        return found.filter(status="open", attempt_count__gt=0)
    return found.filter(status=wanted.status) if wanted.status else found


def rows(place: Place, invoices: Sequence[Invoice]) -> list[InvoiceRow]:
    """Invoices with the names of their customers. One or two queries."""
    labels = customer_labels(place.workspace_id, place.mode, (invoice.customer for invoice in invoices))
    return [
        InvoiceRow(
            stripe_id=invoice.stripe_id,
            label=invoice.number or invoice.stripe_id,
            customer=invoice.customer,
            customer_label=labels.get(invoice.customer or "", invoice.customer or ""),
            subscription=invoice.subscription,
            status_name=invoice.status,
            status=status_of(INVOICE, invoice.status),
            due=Money(invoice.amount_due, invoice.currency),
            paid=Money(invoice.amount_paid, invoice.currency),
            remaining=Money(invoice.amount_remaining, invoice.currency),
            attempt_count=invoice.attempt_count,
            created=invoice.created,
            due_date=invoice.due_date,
            paid_at=invoice.paid_at,
            certain=invoice.sure,
        )
        for invoice in invoices
    ]


INVOICES = Listing(
    name="invoices",
    title="Invoices",
    form=InvoiceForm,
    orders={"created": Order("created"), "amount": Order("amount_due", instants=False)},
    records=records,
    rows=rows,
    choices=currencies,
    columns=(
        Column("id", lambda row: row.stripe_id),
        Column("number", lambda row: row.label),
        Column("customer", lambda row: row.customer),
        Column("customer_name", lambda row: row.customer_label),
        Column("subscription", lambda row: row.subscription),
        Column("status", lambda row: row.status_name),
        Column("currency", lambda row: row.due.currency),
        Column("amount_due", lambda row: row.due),
        Column("amount_paid", lambda row: row.paid),
        Column("amount_remaining", lambda row: row.remaining),
        Column("attempt_count", lambda row: row.attempt_count),
        Column("created", lambda row: row.created),
        Column("due_date", lambda row: row.due_date),
        Column("paid_at", lambda row: row.paid_at),
    ),
)
