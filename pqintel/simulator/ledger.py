"""The ledger: where the account's objects lie, in which order they changed, and what was told about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from random import Random
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from .clock import Clock
from .events import SimEvent
from .ids import Ids
from .settings import Settings
from .state import (
    Anything,
    Charge,
    CheckoutSession,
    Coupon,
    Customer,
    Invoice,
    InvoicePayment,
    PaymentIntent,
    Price,
    Product,
    Subscription,
)

Stored = (
    Product
    | Price
    | Coupon
    | Customer
    | Subscription
    | Invoice
    | InvoicePayment
    | PaymentIntent
    | Charge
    | CheckoutSession
)
"""What the account keeps by id; a discount lives inside what it discounts."""
S = TypeVar("S", bound=Stored)
P = ParamSpec("P")
R = TypeVar("R")
L = TypeVar("L", bound="Ledger")


class RefusedError(ValueError):
    """What Stripe would answer with a 400: the verb does not fit the state of the object."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: this object looked like this from `at` (Unix seconds) on."""

    at: int
    state: Stored


def verb(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """Make a method one API request: all events that it causes, through other verbs too, carry one request id."""

    @wraps(method)
    def request(self: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.request is not None:
            return method(self, *args, **kwargs)
        self.request = self.ids.new("req")
        try:
            return method(self, *args, **kwargs)
        finally:
            self.request = None

    return request


class Ledger:
    """Objects by kind and id, the journal of all their states, and the events.

    Each dict keeps its objects in the order of creation. Readers on another thread hold `lock`; whoever calls verbs
    beside readers holds it too. Side effect of every verb: `events` and `journal` grow; nothing is ever removed.
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
        settings: Settings | None = None,
    ) -> None:
        self.seed = seed
        self.clock = Clock(start)
        self.start = start
        self.livemode = livemode
        self.currency = currency
        self.country = country
        self.name = name
        self.settings = settings or Settings()
        self.ids = Ids(seed)
        self.random = Random(f"account:{seed}")
        self.id = self.ids.new("acct")
        self.lock = RLock()
        self.request: str | None = None
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
        self.stores: dict[str, dict[str, Any]] = {
            "product": self.products,
            "price": self.prices,
            "coupon": self.coupons,
            "customer": self.customers,
            "subscription": self.subscriptions,
            "invoice": self.invoices,
            "invoice_payment": self.invoice_payments,
            "payment_intent": self.payment_intents,
            "charge": self.charges,
            "checkout.session": self.checkout_sessions,
        }
        self.events: list[SimEvent] = []
        self.journal: list[Entry] = []
        self._open()

    def _open(self) -> None:
        """Lay out what the layers above keep for themselves; each overrides it and calls the one below."""

    @property
    def now(self) -> int:
        """The account's clock, in Unix seconds."""
        return self.clock.now

    def advance(self, to: int) -> None:
        """Move the clock to `to` (Unix seconds) and do everything that falls due until then, `to` included."""
        self.clock.advance(to)

    def put(self, state: S) -> S:
        """Store a state and note it in the journal, without telling anyone."""
        self.stores[state.kind][state.id] = state
        self.journal.append(Entry(self.clock.now, state))
        return state

    def emit(self, event_type: str, after: Anything, before: Anything | None = None) -> SimEvent:
        """Record an event of the current second. `before` belongs to `*.updated` types only."""
        event = SimEvent(
            id=self.ids.new("evt"),
            sequence=len(self.events) + 1,
            type=event_type,
            created=self.clock.now,
            kind=after.kind,
            before=before,
            after=after,
            request=self.request,
            idempotency_key=f"key-{self.request[4:]}" if self.request else None,
            livemode=self.livemode,
        )
        self.events.append(event)
        return event

    def update(self, state: S, event_type: str, **changes: Any) -> S:
        """Store `state` with `changes` and emit the event with the state before; nothing when nothing differs."""
        changed = replace(state, **changes)
        if changed == state:
            return state
        self.put(changed)
        self.emit(event_type, changed, before=state)
        return changed

    def put_changed(self, state: S, **changes: Any) -> S:
        """Store `state` with `changes`, without telling anyone."""
        return self.put(replace(state, **changes))
