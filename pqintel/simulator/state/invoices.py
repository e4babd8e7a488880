"""Invoices, their lines, and what links them to payments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from .catalogue import Discount, Price
from .records import Address, CollectionMethod, Metadata, Record, TaxAmount

InvoiceStatus = Literal["draft", "open", "paid", "void", "uncollectible"]
BillingReason = Literal[
    "manual", "subscription_create", "subscription_cycle", "subscription_update", "subscription_threshold"
]


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
    billing_reason: BillingReason
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
