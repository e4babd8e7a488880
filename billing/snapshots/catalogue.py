"""Terms that never change at Stripe, and the names around them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .unknown import UNKNOWN, Unknown


@dataclass(frozen=True, slots=True)
class Product:
    """Catalogue: a product's name, and `tier_key`: what its metadata says under `tier`, all that is kept of it."""

    id: str
    name: str | None | Unknown = UNKNOWN
    active: bool | None | Unknown = UNKNOWN
    tier_key: str | None | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a tiered price; `up_to` None = no upper end. Amounts are decimals in minor units."""

    up_to: int | None
    unit_amount: Decimal | None
    flat_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class CurrencyOption:
    """The amounts of a price in another currency than its own; a subscription in that currency is billed by these."""

    currency: str
    unit_amount: Decimal | None = None
    tiers: tuple[Tier, ...] | None | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Price:
    """Catalogue: a price's terms, which Stripe never changes after creation, and its mutable names.

    `unit_amount` is a decimal in minor units, None for tiered prices. `tiers` and `currency_options` are UNKNOWN where
    the shape does not carry them (they are expand-only). `interval` None = one-off.
    """

    id: str
    product: str | None | Unknown = UNKNOWN
    currency: str | None | Unknown = UNKNOWN
    unit_amount: Decimal | None | Unknown = UNKNOWN
    billing_scheme: str | Unknown = UNKNOWN
    tiers_mode: str | None | Unknown = UNKNOWN
    tiers: tuple[Tier, ...] | None | Unknown = UNKNOWN
    interval: str | None | Unknown = UNKNOWN
    interval_count: int | None | Unknown = UNKNOWN
    usage_type: str | None | Unknown = UNKNOWN
    transform_divide_by: int | None | Unknown = UNKNOWN
    transform_round: str | None | Unknown = UNKNOWN
    tax_behavior: str | None | Unknown = UNKNOWN
    active: bool | None | Unknown = UNKNOWN
    nickname: str | None | Unknown = UNKNOWN
    lookup_key: str | None | Unknown = UNKNOWN
    currency_options: tuple[CurrencyOption, ...] | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Coupon:
    """Catalogue: a coupon's terms. `amount_off` in minor units of `currency`; `percent_off` 0–100."""

    id: str
    name: str | None | Unknown = UNKNOWN
    percent_off: Decimal | None | Unknown = UNKNOWN
    amount_off: int | None | Unknown = UNKNOWN
    currency: str | None | Unknown = UNKNOWN
    duration: str | None | Unknown = UNKNOWN
    duration_in_months: int | None | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Discount:
    """Catalogue: which coupon stands behind a discount id and how long it runs."""

    id: str
    coupon: str | None | Unknown = UNKNOWN
    start: int | None | Unknown = UNKNOWN
    end: int | None | Unknown = UNKNOWN


CatalogueEntry = Product | Price | Coupon | Discount
