"""A subscription's page: what it consists of, what it was worth when, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from billing.lists.filters import Filter
from billing.lists.history import HISTORY, HistoryRow
from billing.lists.invoices import INVOICES, InvoiceRow
from billing.lists.rows import Place
from billing.lists.subscriptions import SUBSCRIPTIONS, SubscriptionRow
from billing.models import OPEN_END, Coupon, Discount, MrrSpan, Price, Subscription
from billing.money import Money
from billing.names import PlanName, plan_names
from billing.snapshots import Kind

from .parts import LINES, Some, newest
from .versions import Versions, versions

SPANS: Final = 200
"""The newest spans that are shown; a subscription with more changes every few hours."""


@dataclass(frozen=True)
class Item:
    """One item. `unit_price` None where the price is tiered, metered or not known yet."""

    plan: PlanName
    price: str
    quantity: int | None
    unit_price: Money | None
    note: str


@dataclass(frozen=True)
class Reduction:
    """One discount in words, of the subscription or of one of its items."""

    name: str
    terms: str
    of_item: bool
    ends: datetime | None


@dataclass(frozen=True)
class SpanRow:
    """What one item was worth a month, from when to when (`ends` None: open). `runs`: it counts now."""

    plan: PlanName
    item: str
    monthly: Money
    trial: bool
    involuntary: bool
    starts: datetime
    ends: datetime | None
    runs: bool


@dataclass(frozen=True)
class SubscriptionPage:
    """Everything about one subscription. `awaiting` are the terms that have not been answered yet, in words.

    `older_spans`: there are more spans than are shown.
    """

    record: Subscription
    row: SubscriptionRow
    items: Sequence[Item]
    discounts: Sequence[Reduction]
    awaiting: Sequence[str]
    spans: Sequence[SpanRow]
    older_spans: bool
    invoices: Some[InvoiceRow]
    history: Some[HistoryRow]
    versions: Versions


def subscription_page(place: Place, stripe_id: str, after: str = "", before: str = "") -> SubscriptionPage | None:
    """The page of a subscription; None where there is no such one. A fixed number of queries. Must run in scope."""
    record = place.all(Subscription).filter(stripe_id=stripe_id).first()
    if record is None:
        return None
    (row,) = SUBSCRIPTIONS.rows(place, [record])
    spans = list(place.all(MrrSpan).filter(subscription=stripe_id).order_by("-starts", "item", "trial")[: SPANS + 1])
    prices = {item["price"] for item in record.items} | {span.price for span in spans}
    plans = plan_names(place.workspace_id, place.mode, prices)
    return SubscriptionPage(
        record=record,
        row=row,
        items=_items(place, record.items, plans, record.currency or ""),
        discounts=_discounts(place, record),
        awaiting=[_wish(term) for term in record.awaiting],
        spans=[_span(span, plans, place.now) for span in spans[:SPANS]],
        older_spans=len(spans) > SPANS,
        invoices=newest(INVOICES, place, Filter(subscription=stripe_id)),
        history=newest(HISTORY, place, Filter(object_id=stripe_id), LINES),
        versions=versions(place, Kind.SUBSCRIPTION, stripe_id, after, before, record.currency or ""),
    )


def _items(place: Place, items: Iterable[dict[str, Any]], plans: dict[str, PlanName], currency: str) -> list[Item]:
    items = list(items)
    found = place.all(Price).filter(stripe_id__in=[item["price"] for item in items])
    prices = {price.stripe_id: price for price in found}
    return [
        Item(
            plan=plans[item["price"]],
            price=item["price"],
            quantity=item.get("quantity"),
            unit_price=_unit_price(prices.get(item["price"]), currency),
            note=_note(prices.get(item["price"]), currency),
        )
        for item in items
    ]


def _unit_price(price: Price | None, currency: str) -> Money | None:
    if price is None or price.unit_amount is None or price.billing_scheme == "tiered":
        return None
    return (
        Money(price.unit_amount, price.currency)
        if price.currency and price.currency == (currency or price.currency)
        else None
    )


def _note(price: Price | None, currency: str) -> str:
    """Why an item has no simple price, or counts nothing."""
    if price is None:
        return "The price is not known yet."
    if price.usage_type == "metered":
        return "Metered: usage is no part of MRR."
    if price.billing_scheme == "tiered":
        return f"{(price.tiers_mode or 'tiered').capitalize()} tiers"
    if price.currency and currency and price.currency != currency:
        return f"Priced in {price.currency.upper()}, billed by its {currency.upper()} option."
    return ""


def _discounts(place: Place, record: Subscription) -> list[Reduction]:
    own = [(ref, False) for ref in record.discounts]
    own += [(ref, True) for item in record.items for ref in item.get("discounts") or ()]
    discounts = {
        row.stripe_id: row for row in place.all(Discount).filter(stripe_id__in=[r["id"] for r, _ in own if r.get("id")])
    }
    named = {r["coupon"] for r, _ in own if r.get("coupon")} | {d.coupon for d in discounts.values() if d.coupon}
    coupons = {row.stripe_id: row for row in place.all(Coupon).filter(stripe_id__in=named)}
    told = []
    for ref, of_item in own:
        terms = discounts.get(ref.get("id") or "")
        coupon_id = (terms.coupon if terms else None) or ref.get("coupon")
        end = (terms.end if terms else None) or ref.get("end")
        coupon = coupons.get(coupon_id or "")
        told.append(
            Reduction(
                name=(coupon.name if coupon else None) or coupon_id or ref.get("id") or "Discount",
                terms=coupon_in_words(coupon),
                of_item=of_item,
                ends=datetime.fromtimestamp(end, UTC) if end else None,
            )
        )
    return told


def coupon_in_words(coupon: Coupon | None) -> str:
    """ "20% off, forever"; says so where the terms are not known yet."""
    if coupon is None:
        return "Terms not known yet"
    if coupon.percent_off is not None:
        off = f"{coupon.percent_off.normalize():f}% off"
    elif coupon.amount_off is not None and coupon.currency:
        off = f"{Money(coupon.amount_off, coupon.currency).plain()} {coupon.currency.upper()} off"
    else:
        off = "Terms not known yet"
    if coupon.duration == "repeating":
        months = coupon.duration_in_months
        return f"{off}, for {months} month{'' if months == 1 else 's'}"
    return f"{off}, {coupon.duration}" if coupon.duration else off


def _wish(term: str) -> str:
    """ "price:price_1" as "price price_1"."""
    return term.replace(":", " ", 1)


def _span(span: MrrSpan, plans: dict[str, PlanName], now: datetime) -> SpanRow:
    second = now.timestamp()
    return SpanRow(
        plan=plans[span.price],
        item=span.item,
        monthly=Money(Decimal(span.monthly), span.currency),
        trial=span.trial,
        involuntary=span.involuntary,
        starts=datetime.fromtimestamp(span.starts, UTC),
        ends=None if span.ends == OPEN_END else datetime.fromtimestamp(span.ends, UTC),
        runs=span.starts <= second < span.ends,
    )
