"""The canonical state of a simulated Stripe account: what is true, before any API version gives it a shape.

Everything is frozen: a change makes a new object with `dataclasses.replace`, so an event can hold its *before* and
*after* without copying. Rules that hold for every class here:

- times are whole Unix seconds (UTC), as Stripe's are;
- money is an int in the currency's minor unit, currencies are lower-case ISO codes;
- references to other objects are ids; things that Stripe embeds (prices in items, coupons in discounts) are embedded;
- mappings and tuples are never changed in place.

The set of fields is a superset of what any payload family needs (stripe API 2019-12-03 to 2026-10-28.endive).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal

Metadata = Mapping[str, str]
Interval = Literal["day", "week", "month", "year"]
SubscriptionStatus = Literal[
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "canceled", "paused"
]
InvoiceStatus = Literal["draft", "open", "paid", "void", "uncollectible"]
PaymentIntentStatus = Literal["requires_payment_method", "requires_action", "processing", "succeeded", "canceled"]
PauseBehavior = Literal["keep_as_draft", "mark_uncollectible", "void"]
CancellationReason = Literal["cancellation_requested", "payment_disputed", "payment_failed"]
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


# Catalogue -----------------------------------------------------------------------------------------------------------


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


# Customers and subscriptions -----------------------------------------------------------------------------------------


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


# Invoices and payments -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine(Record):
    """One line. `amount` is before discounts and exclusive tax, negative for credits of unused time.

    `discount_amounts` holds (discount id, amount off in minor units) in the order of application.
    """

    kind: ClassVar[str] = "line_item"
    invoice: str
    type: Literal["subscription", "invoiceitem"]
    amount: int
    currency: str
    description: str
    price: Price | None = None
    quantity: int | None = None
    period_start: int
    period_end: int
    proration: bool = False
    subscription: str | None = None
    subscription_item: str | None = None
    invoice_item: str | None = None
    """`ii_…` when the line came from an invoice item (prorations and one-off amounts)."""
    discountable: bool = True
    discount_amounts: tuple[tuple[str, int], ...] = ()
    taxes: tuple[TaxAmount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePayment(Record):
    """Links an invoice to the payment intent that pays it (`invoice_payment`, `inpay_…`; new in basil)."""

    kind: ClassVar[str] = "invoice_payment"
    invoice: str
    payment_intent: str
    amount_requested: int
    amount_paid: int | None
    currency: str
    is_default: bool = True
    status: Literal["open", "paid", "canceled"] = "open"
    paid_at: int | None = None
    canceled_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Record):
    """An invoice. `subtotal` is before discounts and exclusive tax; `total` after both."""

    kind: ClassVar[str] = "invoice"
    customer: str
    customer_name: str | None = None
    customer_email: str | None = None
    customer_address: Address | None = None
    currency: str
    status: InvoiceStatus = "draft"
    billing_reason: Literal[
        "manual", "subscription_create", "subscription_cycle", "subscription_update", "subscription_threshold"
    ]
    collection_method: CollectionMethod = "charge_automatically"
    auto_advance: bool = True
    number: str | None = None
    description: str | None = None
    subscription: str | None = None
    subscription_metadata: Metadata = field(default_factory=dict)
    lines: tuple[InvoiceLine, ...] = ()
    discounts: tuple[Discount, ...] = ()
    total_discount_amounts: tuple[tuple[str, int], ...] = ()
    total_taxes: tuple[TaxAmount, ...] = ()
    subtotal: int = 0
    total: int = 0
    total_excluding_tax: int = 0
    starting_balance: int = 0
    ending_balance: int | None = None
    amount_due: int = 0
    amount_paid: int = 0
    amount_remaining: int = 0
    attempt_count: int = 0
    attempted: bool = False
    next_payment_attempt: int | None = None
    due_date: int | None = None
    period_start: int
    period_end: int
    effective_at: int | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    marked_uncollectible_at: int | None = None
    payment_intent: str | None = None
    charge: str | None = None
    payments: tuple[InvoicePayment, ...] = ()
    hosted_invoice_url: str | None = None
    invoice_pdf: str | None = None

    @property
    def tax(self) -> int:
        return sum(tax.amount for tax in self.total_taxes)

    @property
    def paid(self) -> bool:
        return self.status == "paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentError:
    """Why the last attempt failed (`payment_intent.last_payment_error`)."""

    code: str
    decline_code: str | None
    message: str
    advice_code: str | None
    charge: str | None
    card: Card | None
    type: str = "card_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge(Record):
    """One attempt to take money. `failure_*` and the `outcome` fields tell why it failed, if it did."""

    kind: ClassVar[str] = "charge"
    amount: int
    currency: str
    customer: str | None
    invoice: str | None
    payment_intent: str
    status: Literal["succeeded", "failed"]
    card: Card | None
    description: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    decline_code: str | None = None
    """`outcome.reason` of a decline."""
    advice_code: str | None = None
    network_status: str = "approved_by_network"
    outcome_type: str = "authorized"
    seller_message: str = "Payment complete."
    amount_refunded: int = 0
    balance_transaction: str | None = None

    @property
    def paid(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentIntent(Record):
    """The payment of one invoice (or of a one-off checkout). `charges` are its attempts, oldest first."""

    kind: ClassVar[str] = "payment_intent"
    amount: int
    amount_received: int = 0
    currency: str
    customer: str | None
    invoice: str | None
    status: PaymentIntentStatus
    description: str | None = None
    card: Card | None = None
    """The payment method it holds now; None after a decline took it away."""
    charges: tuple[Charge, ...] = ()
    last_payment_error: PaymentError | None = None
    setup_future_usage: str | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    client_secret: str = ""

    @property
    def latest_charge(self) -> str | None:
        return self.charges[-1].id if self.charges else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutSession(Record):
    """A Checkout session. `lines` are (price, quantity), what Stripe shows as expand-only `line_items`."""

    kind: ClassVar[str] = "checkout.session"
    mode: Literal["payment", "setup", "subscription"]
    status: Literal["open", "complete", "expired"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    customer: str | None
    customer_email: str | None = None
    customer_name: str | None = None
    customer_country: str | None = None
    client_reference_id: str | None = None
    subscription: str | None = None
    invoice: str | None = None
    payment_intent: str | None = None
    currency: str
    amount_subtotal: int
    amount_total: int
    lines: tuple[tuple[Price, int], ...] = ()
    expires_at: int
    success_url: str = "https://shop.example/thanks"
    cancel_url: str = "https://shop.example/pricing"
    url: str | None = None


Anything = (
    Product
    | Price
    | Coupon
    | Discount
    | Customer
    | Subscription
    | Invoice
    | InvoicePayment
    | PaymentIntent
    | Charge
    | CheckoutSession
)
"""Everything that an event can carry."""
