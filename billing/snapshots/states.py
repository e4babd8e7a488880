"""Objects whose state is decided from all their versions (billing/order.py)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .unknown import UNKNOWN, Unknown


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
    """A subscription with its items. Period = the earliest item end and the latest item start where items differ.

    `items_cut` is True where the payload holds only the first of the items, and absent (UNKNOWN) everywhere else.
    """

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
    items_cut: bool | Unknown = UNKNOWN


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
