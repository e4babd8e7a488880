"""Customers and their subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from .catalogue import Discount, Price
from .records import Address, Card, CollectionMethod, Record, TaxRate

SubscriptionStatus = Literal[
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "canceled", "paused"
]
PauseBehavior = Literal["keep_as_draft", "mark_uncollectible", "void"]
CancellationReason = Literal["cancellation_requested", "payment_disputed", "payment_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Record):
    kind: ClassVar[str] = "customer"
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    address: Address | None = None
    currency: str | None = None
    balance: int = 0
    """Minor units; negative is credit that the next invoices use up."""
    delinquent: bool = False
    discount: Discount | None = None
    card: Card | None = None
    """The default payment method (`invoice_settings.default_payment_method`)."""
    invoice_prefix: str = ""
    tax_exempt: Literal["none", "exempt", "reverse"] = "none"
    preferred_locales: tuple[str, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionItem(Record):
    kind: ClassVar[str] = "subscription_item"
    subscription: str
    price: Price
    quantity: int | None
    """None for metered prices."""
    current_period_start: int
    current_period_end: int
    discounts: tuple[Discount, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    """When not empty, instead of the subscription's `default_tax_rates`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseCollection:
    behavior: PauseBehavior
    resumes_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Record):
    kind: ClassVar[str] = "subscription"
    customer: str
    currency: str
    status: SubscriptionStatus
    items: tuple[SubscriptionItem, ...]
    start_date: int
    billing_cycle_anchor: int
    discounts: tuple[Discount, ...] = ()
    default_tax_rates: tuple[TaxRate, ...] = ()
    trial_start: int | None = None
    trial_end: int | None = None
    trial_end_behavior: Literal["create_invoice", "pause", "cancel"] = "create_invoice"
    """`trial_settings.end_behavior.missing_payment_method`."""
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    cancellation_reason: CancellationReason | None = None
    cancellation_feedback: str | None = None
    cancellation_comment: str | None = None
    collection_method: CollectionMethod = "charge_automatically"
    days_until_due: int | None = None
    latest_invoice: str | None = None
    pause_collection: PauseCollection | None = None
    billing_mode: Literal["classic", "flexible"] = "classic"
    default_payment_method: str | None = None
    description: str | None = None
    schedule: str | None = None

    @property
    def current_period_start(self) -> int:
        """The subscription's own period in API versions up to 2025-02-24.acacia."""
        return max(item.current_period_start for item in self.items)

    @property
    def current_period_end(self) -> int:
        return min(item.current_period_end for item in self.items)

    @property
    def ended(self) -> bool:
        return self.status in ("canceled", "incomplete_expired")
