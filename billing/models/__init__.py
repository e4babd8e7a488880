"""Billing's tables. `Version` is the base; the rest is derived from it and can be rebuilt."""

from .catalogue import Coupon, Discount, Price, Product
from .customers import Checkout, Customer
from .history import HistoryEntry
from .invoices import Invoice, Payment, PaymentLink
from .subscriptions import OPEN_END, MrrSpan, Subscription
from .sync import SyncState
from .versions import Version

__all__ = [
    "OPEN_END",
    "Checkout",
    "Coupon",
    "Customer",
    "Discount",
    "HistoryEntry",
    "Invoice",
    "MrrSpan",
    "Payment",
    "PaymentLink",
    "Price",
    "Product",
    "Subscription",
    "SyncState",
    "Version",
]
