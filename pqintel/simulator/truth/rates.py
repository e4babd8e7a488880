"""What one subscription is worth a month, item by item, at one instant. Source: metrics.md, MRR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pqintel.simulator.pricing import cost
from pqintel.simulator.state import Discount, Interval, Price, Subscription, SubscriptionItem, TaxRate

PAYING = frozenset({"active", "past_due"})
_MONTHLY: dict[Interval, Fraction] = {
    "day": Fraction(365, 12),
    "week": Fraction(52, 12),
    "month": Fraction(1),
    "year": Fraction(1, 12),
}
NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Rate:
    """One item's exact monthly amount in minor units; `trial` when it is not yet paid for."""

    price: str
    amount: Fraction
    trial: bool


def monthly_rates(subscription: Subscription, at: int, customer_discount: Discount | None = None) -> tuple[Rate, ...]:
    """Return the monthly rate of each licensed item of a subscription in this state at `at` (Unix seconds).

    Without discounts that count, without tax; empty when the subscription counts for nothing. The customer's own
    discount applies when the subscription has none, as on its invoices.
    """
    trial = subscription.status == "trialing"
    if not trial and subscription.status not in PAYING:
        return ()
    pause = subscription.pause_collection
    if pause is not None and pause.behavior != "keep_as_draft":
        return ()
    items = [item for item in subscription.items if not item.price.metered]
    left = [_after(_live(item.discounts, at), [item], [_gross(item)])[0] for item in items]
    whole = subscription.discounts
    if not whole and customer_discount is not None:
        whole = (customer_discount,)
    left = _after(_live(whole, at), items, left)
    return tuple(
        Rate(item.price.id, _without_tax(amount, item.tax_rates or subscription.default_tax_rates), trial)
        for item, amount in zip(items, left, strict=True)
    )


def _gross(item: SubscriptionItem) -> Fraction:
    return cost(item.price, item.quantity or 0) * _per_month(item.price)


def _per_month(price: Price) -> Fraction:
    return _MONTHLY[price.interval] / price.interval_count


def _live(discounts: Sequence[Discount], at: int) -> list[Discount]:
    """The discounts that count: forever ones, and repeating ones while they run; `once` never does."""
    return [
        discount
        for discount in discounts
        if discount.coupon.duration != "once" and discount.start <= at and (discount.end is None or at < discount.end)
    ]


def _after(
    discounts: Sequence[Discount], items: Sequence[SubscriptionItem], amounts: Sequence[Fraction]
) -> list[Fraction]:
    """Take the discounts off one after the other. An amount off is per billing interval of the items it falls on, so
    it is spread over that interval, and shared among the items pro rata of what they still come to."""
    left = list(amounts)
    for discount in discounts:
        coupon = discount.coupon
        if coupon.percent_off is not None:
            left = [amount * (1 - Fraction(coupon.percent_off) / 100) for amount in left]
            continue
        in_all = sum(left, NOTHING)
        if in_all > 0 and coupon.amount_off:
            off = Fraction(coupon.amount_off)
            left = [
                max(NOTHING, amount - off * _per_month(item.price) * amount / in_all)
                for item, amount in zip(items, left, strict=True)
            ]
    return left


def _without_tax(amount: Fraction, rates: Sequence[TaxRate]) -> Fraction:
    inside = sum((Fraction(rate.percentage) for rate in rates if rate.inclusive), NOTHING)
    return amount / (1 + inside / 100)
