"""What all objects share, and what they embed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal

Metadata = Mapping[str, str]
CollectionMethod = Literal["charge_automatically", "send_invoice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every object of the account has. `kind` is Stripe's `object` word."""

    kind: ClassVar[str]
    id: str
    created: int
    livemode: bool = False
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line1: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A saved card, as it shows on charges and payment methods."""

    id: str
    """The payment method's id, `pm_…`."""
    brand: str = "visa"
    last4: str = "4242"
    exp_month: int = 12
    exp_year: int = 2034
    country: str = "US"
    fingerprint: str = ""
    funding: str = "credit"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate:
    """`percentage` 19 means 19 %. An inclusive rate is part of the price, an exclusive one is added to it."""

    id: str
    display_name: str = "VAT"
    percentage: Decimal = Decimal(0)
    inclusive: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAmount:
    """Tax on an invoice or a line, in minor units. `taxable` is the amount it was computed from, without tax."""

    rate: TaxRate
    amount: int
    taxable: int
