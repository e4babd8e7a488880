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

from .catalogue import Coupon, Discount, Interval, Price, Product, Tier
from .invoices import BillingReason, Invoice, InvoiceLine, InvoicePayment, InvoiceStatus
from .payments import Charge, CheckoutSession, PaymentError, PaymentIntent, PaymentIntentStatus
from .records import Address, Card, CollectionMethod, Metadata, Record, TaxAmount, TaxRate
from .subscriptions import (
    CancellationReason,
    Customer,
    PauseBehavior,
    PauseCollection,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
)

__all__ = [
    "Address",
    "Anything",
    "BillingReason",
    "CancellationReason",
    "Card",
    "Charge",
    "CheckoutSession",
    "CollectionMethod",
    "Coupon",
    "Customer",
    "Discount",
    "Interval",
    "Invoice",
    "InvoiceLine",
    "InvoicePayment",
    "InvoiceStatus",
    "Metadata",
    "PauseBehavior",
    "PauseCollection",
    "PaymentError",
    "PaymentIntent",
    "PaymentIntentStatus",
    "Price",
    "Product",
    "Record",
    "Subscription",
    "SubscriptionItem",
    "SubscriptionStatus",
    "TaxAmount",
    "TaxRate",
    "Tier",
]

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
