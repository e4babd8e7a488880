"""The list of subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum

from billing.models import Price, Subscription
from billing.money import Money
from billing.names import PlanName, customer_labels, plan_names
from billing.order import ENDED
from billing.statuses import SUBSCRIPTION, Status, status_of

from .customers import now_worth
from .filters import Filter, between
from .finding import find
from .forms import Choices, SubscriptionForm
from .paging import Order
from .rows import Column, Listing, Place

MOST_PLANS = 500
"""Plans that the filter offers; one beyond can still be asked for by its price id."""


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription as the lists show it.

    `ends_at` is when a scheduled cancellation takes effect; `certain` is False while its newest second could not be
    ordered or terms are missing.
    """

    stripe_id: str
    customer: str
    customer_label: str
    status_name: str
    status: Status
    plans: tuple[str, ...]
    mrr: tuple[Money, ...]
    trial_mrr: tuple[Money, ...]
    created: datetime
    current_period_end: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    collection_paused: bool
    certain: bool


def records(place: Place, wanted: Filter) -> QuerySet[Subscription]:
    """The subscriptions that a filter means."""
    found = find(place.all(Subscription), place, wanted.search, ids=("stripe_id", "customer"))
    found = between(found, "created", wanted.since, wanted.until)
    if wanted.customer:
        found = found.filter(customer=wanted.customer)
    if wanted.price:
        found = found.filter(items__contains=[{"price": wanted.price}])
    match wanted.status:
        case "":
            return found
        case "ending":
            scheduled = Q(cancel_at__isnull=False) | Q(cancel_at_period_end=True)
            return found.filter(scheduled).exclude(status__in=ENDED)
        case "unclear":
            return found.filter(Q(sure=False) | ~Q(awaiting=[]))
    return found.filter(status=wanted.status)


def rows(place: Place, subscriptions: Sequence[Subscription]) -> list[SubscriptionRow]:
    """Subscriptions with the names of their customers and plans, and their MRR now. Four or five queries."""
    labels = customer_labels(place.workspace_id, place.mode, (s.customer for s in subscriptions))
    plans = plan_names(place.workspace_id, place.mode, (i["price"] for s in subscriptions for i in s.items))
    worth: dict[tuple[str, bool], list[Money]] = {}
    sums = now_worth(place, subscription__in=[s.stripe_id for s in subscriptions])
    amounts = sums.values_list("subscription", "trial", "currency").annotate(Sum("monthly")).order_by("currency")
    for subscription, trial, currency, monthly in amounts:
        worth.setdefault((subscription, trial), []).append(Money(Decimal(monthly), currency))
    return [
        SubscriptionRow(
            stripe_id=s.stripe_id,
            customer=s.customer,
            customer_label=labels.get(s.customer, s.customer),
            status_name=s.status,
            status=status_of(SUBSCRIPTION, s.status),
            plans=tuple(items_in_words(s.items, plans)),
            mrr=tuple(worth.get((s.stripe_id, False), ())),
            trial_mrr=tuple(worth.get((s.stripe_id, True), ())),
            created=s.created,
            current_period_end=s.current_period_end,
            ends_at=scheduled_end(s),
            ended_at=s.ended_at,
            collection_paused=s.pause_behavior is not None,
            certain=s.sure and not s.awaiting,
        )
        for s in subscriptions
    ]


def scheduled_end(subscription: Subscription) -> datetime | None:
    """When a cancellation that was asked for takes effect; None where none is scheduled or it is over already."""
    if subscription.status in ENDED:
        return None
    return subscription.cancel_at or (subscription.current_period_end if subscription.cancel_at_period_end else None)


def items_in_words(items: Iterable[Mapping[str, Any]], plans: Mapping[str, PlanName]) -> list[str]:
    """Each item as "Growth, monthly × 3"."""
    told = []
    for item in items:
        plan, quantity = plans.get(item["price"]), item.get("quantity")
        told.append(f"{plan or item['price']}{f' × {quantity:,}' if quantity not in (None, 1) else ''}")
    return told


def choices(place: Place) -> dict[str, Choices]:
    """The prices that subscriptions may have, by name. Three queries."""
    recurring = place.all(Price).filter(interval__isnull=False).order_by("-active", "-id")
    names = plan_names(place.workspace_id, place.mode, recurring.values_list("stripe_id", flat=True)[:MOST_PLANS])
    prices = sorted(((price, str(name)) for price, name in names.items()), key=lambda choice: (choice[1], choice[0]))
    return {"price": prices}


SUBSCRIPTIONS = Listing(
    name="subscriptions",
    title="Subscriptions",
    form=SubscriptionForm,
    orders={"created": Order("created")},
    records=records,
    rows=rows,
    choices=choices,
    columns=(
        Column("id", lambda row: row.stripe_id),
        Column("customer", lambda row: row.customer),
        Column("customer_name", lambda row: row.customer_label),
        Column("status", lambda row: row.status_name),
        Column("plans", lambda row: "; ".join(row.plans)),
        Column("mrr", lambda row: row.mrr[0] if row.mrr else None),
        Column("trial_mrr", lambda row: row.trial_mrr[0] if row.trial_mrr else None),
        Column("currency", lambda row: next((money.currency for money in (*row.mrr, *row.trial_mrr)), None)),
        Column("created", lambda row: row.created),
        Column("current_period_end", lambda row: row.current_period_end),
        Column("ends_at", lambda row: row.ends_at),
        Column("ended_at", lambda row: row.ended_at),
        Column("certain", lambda row: row.certain),
    ),
)
