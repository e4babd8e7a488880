"""The list of customers, with what each is worth a month now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum

from billing.models import Customer, MrrSpan
from billing.money import Money
from billing.names import customer_labels

from .filters import Filter, between
from .finding import find
from .forms import CustomerForm
from .paging import Order
from .rows import Column, Listing, Place


@dataclass(frozen=True)
class CustomerRow:
    """A customer as the list shows them. `mrr` and `trial_mrr` by currency, none where they are zero.

    `known` is False for one of whom no event has told anything but the id.
    """

    stripe_id: str
    label: str
    email: str | None
    country: str | None
    created: datetime | None
    mrr: tuple[Money, ...]
    trial_mrr: tuple[Money, ...]
    delinquent: bool
    deleted: bool
    known: bool


def now_worth(place: Place, **whose: object) -> QuerySet[MrrSpan]:
    """The spans of MRR that contain `place.now`, trial or not."""
    second = int(place.now.timestamp())
    return place.all(MrrSpan).filter(starts__lte=second, ends__gt=second, **whose)


def records(place: Place, wanted: Filter) -> QuerySet[Customer]:
    """The customers that a filter means."""
    found = find(place.all(Customer), place, wanted.search, ids=("stripe_id",), customer="stripe_id")
    found = between(found, "created", wanted.since, wanted.until)
    if wanted.customer:
        found = found.filter(stripe_id=wanted.customer)
    paying = Q(stripe_id__in=now_worth(place, trial=False).values("customer"))
    trying = Q(stripe_id__in=now_worth(place, trial=True).values("customer"))
    match wanted.status:
        case "paying":
            found = found.filter(paying)
        case "trialing":
            found = found.filter(trying & ~paying)
        case "none":
            found = found.exclude(paying)
        case "deleted":
            found = found.filter(deleted=True)
    return found


def rows(place: Place, customers: Sequence[Customer]) -> list[CustomerRow]:
    """Customers with their names and MRR. Two or three queries."""
    ids = [customer.stripe_id for customer in customers]
    labels = customer_labels(place.workspace_id, place.mode, ids)
    worth: dict[tuple[str, bool], list[Money]] = {}
    sums = now_worth(place, customer__in=ids).values_list("customer", "trial", "currency").annotate(Sum("monthly"))
    for customer, trial, currency, monthly in sums.order_by("currency"):
        worth.setdefault((customer, trial), []).append(Money(Decimal(monthly), currency))
    return [
        CustomerRow(
            stripe_id=customer.stripe_id,
            label=labels.get(customer.stripe_id, customer.stripe_id),
            email=customer.email,
            country=customer.country,
            created=customer.created,
            mrr=tuple(worth.get((customer.stripe_id, False), ())),
            trial_mrr=tuple(worth.get((customer.stripe_id, True), ())),
            delinquent=bool(customer.delinquent),
            deleted=customer.deleted,
            known=customer.position >= 0,
        )
        for customer in customers
    ]


def by_currency(row: CustomerRow) -> list[CustomerRow]:
    """The same customer once for each currency that they have MRR in; once when they have none."""
    currencies = sorted({money.currency for money in (*row.mrr, *row.trial_mrr)})
    return [
        replace(
            row,
            mrr=tuple(money for money in row.mrr if money.currency == currency),
            trial_mrr=tuple(money for money in row.trial_mrr if money.currency == currency),
        )
        for currency in currencies
    ] or [row]


CUSTOMERS = Listing(
    name="customers",
    title="Customers",
    form=CustomerForm,
    orders={"created": Order("created", nullable=True)},
    records=records,
    rows=rows,
    columns=(
        Column("id", lambda row: row.stripe_id),
        Column("name", lambda row: row.label),
        Column("email", lambda row: row.email),
        Column("country", lambda row: row.country),
        Column("created", lambda row: row.created),
        Column("currency", lambda row: next((money.currency for money in (*row.mrr, *row.trial_mrr)), None)),
        Column("mrr", lambda row: next(iter(row.mrr), None)),
        Column("trial_mrr", lambda row: next(iter(row.trial_mrr), None)),
        Column("delinquent", lambda row: row.delinquent),
        Column("deleted", lambda row: row.deleted),
    ),
    lines=by_currency,
)
