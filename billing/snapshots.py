"""What billing learns from outside, in its own words: frozen values without a trace of any payload shape.

`integrations` translates every payload family into these; `billing.actions` stores them. Conventions:

* instants are whole unix seconds, UTC; amounts are integers in minor units beside a lower-case ISO currency;
  fractions (unit amounts, percents) are `Decimal`;
* `None` means "known to be empty"; `UNKNOWN` means "this payload shape does not carry the field": such a field keeps
  what an earlier version said;
* every enum-like field is a plain string, because new values appear without notice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints


class Unknown:
    """The type of `UNKNOWN`; a class of its own so that it can never be mistaken for a value."""

    _one: Unknown | None = None

    def __new__(cls) -> Unknown:
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = Unknown()


class Kind(StrEnum):
    """Objects that have versions: their state is decided by order.py from all snapshots known."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    PAYMENT = "payment"
    CHECKOUT = "checkout"


@dataclass(frozen=True, slots=True)
class DiscountRef:
    """A discount as its owner names it: by id where it has one (its terms are catalogue then), else by its terms."""

    id: str | None
    coupon: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A Stripe customer. `deleted` is terminal.

    `discounts` (one at most) reduce those of the customer's subscriptions that have none of their own.
    """

    id: str
    created: int | None | Unknown = UNKNOWN
    email: str | None | Unknown = UNKNOWN
    name: str | None | Unknown = UNKNOWN
    country: str | None | Unknown = UNKNOWN
    currency: str | None | Unknown = UNKNOWN
    delinquent: bool | None | Unknown = UNKNOWN
    deleted: bool = False
    discounts: tuple[DiscountRef, ...] | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class ItemState:
    """One subscription item. `inclusive_tax_percent` is the sum of tax rates that are contained in the price."""

    id: str
    price: str
    quantity: int | None = 1
    discounts: tuple[DiscountRef, ...] = ()
    inclusive_tax_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription with its items. Period = the earliest item end and the latest item start where items differ."""

    id: str
    customer: str
    status: str
    created: int
    currency: str | None | Unknown = UNKNOWN
    items: tuple[ItemState, ...] = ()
    discounts: tuple[DiscountRef, ...] = ()
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    cancellation_reason: str | None | Unknown = UNKNOWN
    trial_start: int | None = None
    trial_end: int | None = None
    pause_behavior: str | None = None
    pause_resumes_at: int | None = None
    current_period_start: int | None = None
    current_period_end: int | None = None
    collection_method: str | None | Unknown = UNKNOWN
    latest_invoice: str | None = None
    billing_mode: str = "classic"


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """An invoice; amounts in minor units of `currency`. `period_*` is the service period of its lines."""

    id: str
    customer: str | None
    subscription: str | None
    status: str | None
    currency: str
    created: int
    number: str | None = None
    subtotal: int | None | Unknown = UNKNOWN
    total: int | None | Unknown = UNKNOWN
    tax: int | None | Unknown = UNKNOWN
    amount_due: int = 0
    amount_paid: int = 0
    amount_remaining: int = 0
    attempt_count: int = 0
    attempted: bool = False
    next_payment_attempt: int | None = None
    billing_reason: str | None = None
    collection_method: str | None | Unknown = UNKNOWN
    due_date: int | None = None
    period_start: int | None = None
    period_end: int | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    marked_uncollectible_at: int | None = None
    hosted_invoice_url: str | None | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class PaymentState:
    """A payment intent; the failure fields are those of its last attempt and vanish when it succeeds."""

    id: str
    customer: str | None
    status: str
    amount: int
    currency: str
    created: int
    amount_received: int | None | Unknown = UNKNOWN
    charge: str | None | Unknown = UNKNOWN
    failure_code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    failure_message: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutState:
    """A completed (or expired) checkout session."""

    id: str
    customer: str | None
    subscription: str | None
    mode: str
    status: str | None
    payment_status: str | None
    created: int | None
    currency: str | None = None
    amount_total: int | None = None
    client_reference_id: str | None = None
    email: str | None = None
    name: str | None = None


State = CustomerState | SubscriptionState | InvoiceState | PaymentState | CheckoutState


@dataclass(frozen=True, slots=True)
class Product:
    """Catalogue: a product's name."""

    id: str
    name: str | None | Unknown = UNKNOWN
    active: bool | None | Unknown = UNKNOWN


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One object as an event showed it.

    `before` is the same object with the event's old values laid over it, where the event names them (`*.updated`);
    `born` says that nothing came before (`*.created`). `read` marks an answer read from the API: it sorts first
    within its second.
    """

    kind: Kind
    state: State
    before: State | None = None
    born: bool = False
    read: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, in the history's words, with its own details (JSON values only)."""

    kind: str
    object_kind: Kind
    object_id: str
    customer: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Learned:
    """Everything that one event teaches.

    `links` are (invoice id, payment id) pairs, `wanted` are (what, id) pairs that only a read of the API can answer:

    * ("price", id): a tiered price without its tiers, or a subscription in a currency of its `currency_options`;
    * ("coupon", id): the terms of a coupon that a discount only names;
    * ("discount:" + discount id, subscription or customer id): a discount can be read only through its owner;
    * ("subscription", id): the payload carries only the first of its items. Never settled for good: each later
      event of that subscription is cut off just the same;
    * ("invoice_payments", invoice id): the payments of an invoice, which newer shapes do not name.
    """

    event_id: str
    event_type: str
    happened_at: int
    snapshots: tuple[Snapshot, ...] = ()
    catalogue: tuple[CatalogueEntry, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    facts: tuple[Fact, ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()


def known(value: Any) -> dict[str, Any]:
    """The known fields of a snapshot or catalogue entry as JSON values (decimals as text), without UNKNOWN ones."""
    return {f.name: _plain(v) for f in fields(value) if not isinstance(v := getattr(value, f.name), Unknown)}


T = TypeVar("T")


def revive(cls: type[T], stored: Mapping[str, Any]) -> T:
    """The inverse of `known(…)`: a snapshot or catalogue entry from its JSON values.

    A field that is not stored gets its default (UNKNOWN, where the class has that); a stored name that the class no
    longer has is left out. Raises TypeError when a field without a default is missing.
    """
    readers = _readers(cls)  # type: ignore[arg-type]  # mypy does not see that every class is hashable
    return cls(
        **{
            name: read(value) if value is not None and (read := readers[name]) else value
            for name, value in stored.items()
            if name in readers
        }
    )


def digest(state: dict[str, Any]) -> str:
    """A short stable hash of `known(…)`: two states are the same exactly when their digests are."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if hasattr(value, "__dataclass_fields__"):
        return known(value)
    return value


@cache
def _readers(cls: type[Any]) -> dict[str, Callable[[Any], Any] | None]:
    """For each field of `cls`, what makes its value of the JSON value; None where that is the value already."""
    hints = get_type_hints(cls)
    return {f.name: _reader(hints[f.name]) for f in fields(cls)}


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    for part in (hint, *get_args(hint)):
        if part is Decimal:
            return Decimal
        if get_origin(part) is tuple and is_dataclass(get_args(part)[0]):
            element: type[Any] = get_args(part)[0]
            return lambda values: tuple(revive(element, value) for value in values)
    return None
