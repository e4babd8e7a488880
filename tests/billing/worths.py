"""Prices, coupons and the worth of subscriptions to them, in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from billing.metrics.recurring import Recurring, recurring
from billing.money import Money, total
from billing.snapshots import Coupon, Discount, DiscountRef, ItemState, Price, SubscriptionState, Tier

T0 = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())
TIERS = (
    Tier(up_to=5, unit_amount=Decimal(700), flat_amount=None),
    Tier(up_to=10, unit_amount=Decimal(650), flat_amount=None),
    Tier(up_to=None, unit_amount=Decimal(600), flat_amount=None),
)


def price(amount: int | str | None, interval: str = "month", count: int = 1, **terms: object) -> Price:
    unit_amount = None if amount is None else Decimal(amount)
    known = {
        "id": "price",
        "currency": "usd",
        "billing_scheme": "per_unit",
        "usage_type": "licensed",
        "tiers": None,
        **terms,
    }
    return Price(unit_amount=unit_amount, interval=interval, interval_count=count, **known)  # type: ignore[arg-type]


def coupon(duration: str, percent: str | None = None, amount: int | None = None, months: int | None = None) -> Coupon:
    return Coupon(
        id="coupon",
        percent_off=None if percent is None else Decimal(percent),
        amount_off=amount,
        currency=None if amount is None else "usd",
        duration=duration,
        duration_in_months=months,
    )


def worth(
    *prices: Price,
    quantity: int | None = 1,
    coupons: Sequence[Coupon] = (),
    since: int = T0,
    until: int | None = None,
    **fields: object,
) -> Recurring:
    """The worth of a subscription to the prices, each an item, with the coupons as its own discounts from T0 on."""
    named = [replace(p, id=f"price_{n}") for n, p in enumerate(prices)]
    coupons = [replace(c, id=f"coupon_{n}") for n, c in enumerate(coupons)]
    state = SubscriptionState(
        id="sub",
        customer="cus",
        created=T0,
        items=tuple(ItemState(id=f"si_{n}", price=p.id, quantity=quantity) for n, p in enumerate(named)),
        **{
            "status": "active",
            "currency": named[0].currency,
            "discounts": tuple(DiscountRef(id=f"di_{n}") for n, _ in enumerate(coupons)),
            **fields,
        },  # type: ignore[arg-type]
    )
    discounts = {f"di_{n}": Discount(f"di_{n}", coupon=c.id, start=T0, end=None) for n, c in enumerate(coupons)}
    return recurring(state, {p.id: p for p in named}, discounts, {c.id: c for c in coupons}, since, until)


def mrr(*results: Recurring) -> str:
    segments = [segment for result in results for segment in result.segments]
    assert not any(result.missing for result in results)
    assert not any(segment.trial for segment in segments)
    currency = segments[0].currency if segments else "usd"
    return total((Money(s.monthly, s.currency) for s in segments), currency).plain()
