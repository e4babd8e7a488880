"""Products, prices, coupons and the discounts that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from .records import Record

Interval = Literal["day", "week", "month", "year"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Record):
    kind: ClassVar[str] = "product"
    name: str
    active: bool = True
    default_price: str | None = None
    description: str | None = None
    unit_label: str | None = None
    updated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One tier: units up to `up_to` (None: no end) cost `unit_amount` each, plus `flat_amount` for entering it."""

    up_to: int | None
    unit_amount: Decimal = Decimal(0)
    flat_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Record):
    """A price, and under the same id the plan of older API versions.

    `unit_amount` is in minor units and may have decimals (Stripe's `unit_amount_decimal`); None when tiered.
    """

    kind: ClassVar[str] = "price"
    product: str
    currency: str
    active: bool = True
    nickname: str | None = None
    lookup_key: str | None = None
    recurring: bool = True
    interval: Interval = "month"
    interval_count: int = 1
    usage_type: Literal["licensed", "metered"] = "licensed"
    meter: str | None = None
    trial_period_days: int | None = None
    billing_scheme: Literal["per_unit", "tiered"] = "per_unit"
    unit_amount: Decimal | None = None
    tiers_mode: Literal["graduated", "volume"] | None = None
    tiers: tuple[Tier, ...] = ()
    transform_divide_by: int | None = None
    transform_round: Literal["up", "down"] | None = None
    tax_behavior: Literal["inclusive", "exclusive", "unspecified"] = "unspecified"

    @property
    def metered(self) -> bool:
        return self.usage_type == "metered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon(Record):
    """Either `percent_off` (10 means 10 %) or `amount_off` (minor units of `currency`, per invoice)."""

    kind: ClassVar[str] = "coupon"
    name: str | None = None
    percent_off: Decimal | None = None
    amount_off: int | None = None
    currency: str | None = None
    duration: Literal["once", "repeating", "forever"] = "once"
    duration_in_months: int | None = None
    max_redemptions: int | None = None
    redeem_by: int | None = None
    times_redeemed: int = 0
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A coupon at work, live from `start` until before `end` (None: no end known)."""

    kind: ClassVar[str] = "discount"
    id: str
    coupon: Coupon
    customer: str
    start: int
    end: int | None = None
    subscription: str | None = None
    subscription_item: str | None = None
    invoice: str | None = None
    promotion_code: str | None = None
