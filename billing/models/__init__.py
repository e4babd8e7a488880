"""Billing's tables. `Version` is the base; the rest is derived from it and can be rebuilt."""

from .access import (
    Access,
    AccessHold,
    AccessOverride,
    AccessPolicy,
    MappingKind,
    OverrideEffect,
    PriceMapping,
    PriceUse,
    Tier,
)
from .catalogue import Coupon, Discount, Price, Product
from .customers import Checkout, Customer, CustomerWord
from .failures import Failure
from .history import HistoryEntry
from .invoices import Invoice, Payment, PaymentLink
from .movements import DailyRollup, Movement, MovementKind
from .reactions import PendingReaction
from .settings import BillingSettings, ChurnAt, ExchangeRate, Recalculation
from .subscriptions import OPEN_END, MrrSpan, PaymentStatus, Subscription
from .sync import RULES, SyncState
from .versions import Version

__all__ = [
    "OPEN_END",
    "RULES",
    "Access",
    "AccessHold",
    "AccessOverride",
    "AccessPolicy",
    "BillingSettings",
    "Checkout",
    "ChurnAt",
    "Coupon",
    "Customer",
    "CustomerWord",
    "DailyRollup",
    "Discount",
    "ExchangeRate",
    "Failure",
    "HistoryEntry",
    "Invoice",
    "MappingKind",
    "Movement",
    "MovementKind",
    "MrrSpan",
    "OverrideEffect",
    "Payment",
    "PaymentLink",
    "PaymentStatus",
    "PendingReaction",
    "Price",
    "PriceMapping",
    "PriceUse",
    "Product",
    "Recalculation",
    "Subscription",
    "SyncState",
    "Tier",
    "Version",
]
