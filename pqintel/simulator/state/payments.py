"""Payment intents, charges and Checkout sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from .catalogue import Price
from .records import Card, Record

PaymentIntentStatus = Literal["requires_payment_method", "requires_action", "processing", "succeeded", "canceled"]


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
