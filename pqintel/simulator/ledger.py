"""The ledger: where the account's objects lie, in which order they changed, and what was told about it."""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock
from typing import TypeVar

from .events import SimEvent
from .ids import Ids
from .state import (
    Anything,
    Charge,
    CheckoutSession,
    Coupon,
    Customer,
    Discount,
    Invoice,
    InvoicePayment,
    PaymentIntent,
    Price,
    Product,
    Subscription,
)

Stored = (
    Product | Price | Coupon | Customer | Subscription | Invoice | InvoicePayment | PaymentIntent | Charge
    | CheckoutSession
)
"""What the account keeps by id; a discount lives inside what it discounts."""
S = TypeVar("S", bound=Stored)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: this object looked like this from `at` (Unix seconds) on."""

    at: int
    state: Stored


class Ledger:
    """Objects by kind and id, the journal of all their states, and the events.

    Readers on another thread hold `lock`; whoever calls verbs beside readers holds it too.
    Side effect of every verb: `events` and `journal` grow; nothing is ever removed from them.
    """

    def __init__(
        self,
        seed: int | str,
        start: int,
        *,
        livemode: bool = False,
        currency: str = "usd",
        country: str = "US",
        name: str = "Example, Inc.",
    ) -> None:
        self.seed = seed
        self.now = start
        self.livemode = livemode
        self.currency = currency
        self.country = country
        self.name = name
        self.ids = Ids(seed)
        self.id = self.ids.new("acct")
        self.lock = RLock()
        self.products: dict[str, Product] = {}
        self.prices: dict[str, Price] = {}
        self.coupons: dict[str, Coupon] = {}
        self.customers: dict[str, Customer] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.invoices: dict[str, Invoice] = {}
        self.invoice_payments: dict[str, InvoicePayment] = {}
        self.payment_intents: dict[str, PaymentIntent] = {}
        self.charges: dict[str, Charge] = {}
        self.checkout_sessions: dict[str, CheckoutSession] = {}
        self.events: list[SimEvent] = []
        self.journal: list[Entry] = []
