"""An account of the simulator and a workspace that gets its events over HTTP: what tests of effects stand on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing.access import Answer, for_customer
from billing.metrics.mrr import mrr_at
from billing.models import Customer, Failure, HistoryEntry, Invoice, Payment, Subscription
from billing.modes import Mode
from billing.owed import Debt, debts
from integrations.models import Connection, InboxEvent
from integrations.stripe.drain import drain
from integrations.stripe.reads import answer_due
from integrations.stripe.signature import sign
from pqintel.simulator.account import Account, Settings
from pqintel.simulator.delivery import Parcel
from pqintel.simulator.render import Family
from pqintel.simulator.render.families import FAMILIES
from pqintel.simulator.testing import EPOCH, Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction

from .lanes import Lane, new_lane

DAY = 86_400
each_family = pytest.mark.parametrize("family", FAMILIES, ids=[family.version for family in FAMILIES])


@contextmanager
def company_in(family: Family, settings: Any, slug: str = "acme", **rules: Any) -> Iterator[Company]:
    """A company whose events are told in one family; `rules` are settings of its account."""
    with Simulation(Account(7, EPOCH, settings=Settings(**rules)), seed=7, family=family) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        yield Company(stripe, new_lane(slug, secret_key=stripe.secret_key))


class Company:
    """A company whose Stripe account is simulated, and its workspace here.

    `family` is the API version that its events are told in. Events are sent by `deliver` (or bit by bit by `send` and
    `process`), as signed requests through the whole middleware.
    """

    def __init__(self, stripe: Simulation, lane: Lane) -> None:
        self.stripe, self.lane = stripe, lane
        self.family = stripe.family
        self.account = stripe.account
        self.workspace = lane.workspace
        self._told = 0
        product = self.account.create_product("Team", metadata={"tier": "growth"})
        bigger = self.account.create_product("Company", metadata={"tier": "scale"})
        self.price = self.account.create_price(product.id, 4900)
        self.bigger = self.account.create_price(bigger.id, 9900)

    # Events --------------------------------------------------------------------------------------------------------
    def waiting(self) -> list[Parcel]:
        """The events that were not taken yet, in the order in which they happened; taken herewith."""
        parcels = self.stripe.parcels(family=self.family, since=self._told)
        self._told = len(self.account.events)
        return parcels

    def deliver(self, *, without: tuple[str, ...] = (), shuffle: int | None = None, copies: int = 1) -> None:
        """Send what has happened since the last time, and process it.

        Args:
            without: types whose events are lost.
            shuffle: seed of a random order.
            copies: how often each event is sent.
        """
        types = {event.id: event.type for event in self.account.events}
        parcels = [parcel for parcel in self.waiting() if not types[parcel.event_id].startswith(without or ("-",))]
        parcels *= copies
        if shuffle is not None:
            Random(shuffle).shuffle(parcels)
        self.send(parcels)
        self.process()

    def send(self, parcels: Iterable[Parcel]) -> None:
        for parcel in parcels:
            assert self.post(parcel.body) == 200

    def post(self, body: bytes, secret: bytes | None = None) -> int:
        """One delivery; the status of the answer."""
        header = sign(body, secret or self.lane.secret, int(time.time()))
        answer = Client().post(self.lane.path, body, content_type="application/json", HTTP_STRIPE_SIGNATURE=header)
        return answer.status_code

    def process(self) -> None:
        """Drain the lane; every event must have become done or ignored."""
        while drain(self.lane.number).events:
            pass
        assert set(self.lane.states().values()) <= {"done", "ignored"}

    def answer_reads(self) -> None:
        """Ask Stripe's API everything that is open, and process the answers."""
        for _ in range(10):
            with connection.cursor() as cursor, scoped_transaction(self.workspace):
                cursor.execute("UPDATE integrations_read SET due_at = now() WHERE done_at IS NULL")
                stripe = Connection.objects.get(mode=Mode.TEST)
            with scope(self.workspace):
                answers, _ = answer_due(stripe)
            if not answers:
                return
            self.process()

    # What billing knows -----------------------------------------------------------------------------------------------
    def subscription(self, stripe_id: str) -> Subscription:
        with scoped_transaction(self.workspace):
            return Subscription.objects.get(mode=Mode.TEST, stripe_id=stripe_id)

    def invoice(self, stripe_id: str) -> Invoice:
        with scoped_transaction(self.workspace):
            return Invoice.objects.get(mode=Mode.TEST, stripe_id=stripe_id)

    def payment(self, stripe_id: str) -> Payment:
        with scoped_transaction(self.workspace):
            return Payment.objects.get(mode=Mode.TEST, stripe_id=stripe_id)

    def customer(self, stripe_id: str) -> Customer:
        with scoped_transaction(self.workspace):
            return Customer.objects.get(mode=Mode.TEST, stripe_id=stripe_id)

    def failures(self) -> list[Failure]:
        with scoped_transaction(self.workspace):
            return list(Failure.objects.order_by("happened_at", "attempt"))

    def history(self, *kinds: str, of: str | None = None) -> list[HistoryEntry]:
        """The lines that stand, of these kinds (all without) and of one object, oldest first."""
        with scoped_transaction(self.workspace):
            found = HistoryEntry.objects.filter(superseded_at=None).order_by("happened_at", "id")
            if kinds:
                found = found.filter(kind__in=kinds)
            if of is not None:
                found = found.filter(object_id=of)
            return list(found)

    def access(self, customer: str) -> Answer:
        with scoped_transaction(self.workspace) as workspace_id:
            return for_customer(workspace_id, Mode.TEST, customer)

    def debt(self, invoice: str) -> Debt:
        with scoped_transaction(self.workspace) as workspace_id:
            return debts(workspace_id, Mode.TEST, [invoice])[invoice]

    def mrr(self) -> dict[str, tuple[str, int]]:
        """MRR and active subscribers by currency, at the account's own present."""
        at = datetime.fromtimestamp(self.account.now, UTC)
        with scoped_transaction(self.workspace) as workspace_id:
            found = mrr_at(workspace_id, Mode.TEST, at).currencies
            return {line.currency: (line.mrr.plain(), line.active_subscribers) for line in found}

    def event_of(self, event_type: str, object_id: str, nth: int = -1) -> str:
        """The id of an event about an object."""
        return [e.id for e in self.account.events if e.type == event_type and e.after.id == object_id][nth]

    def event_of_type(self, event_type: str) -> str:
        """The id of the newest event of a type."""
        return [event.id for event in self.account.events if event.type == event_type][-1]

    def inbox(self) -> Sequence[InboxEvent]:
        with scoped_transaction(self.workspace):
            return list(InboxEvent.objects.order_by("pk"))

    def mark(self) -> int:
        """Where the history stands, for `told_since`."""
        return max((line.pk for line in self.history()), default=0)

    def told_since(self, mark: int) -> list[str]:
        """The kinds of the lines written since then, oldest first."""
        return [line.kind for line in self.history() if line.pk > mark]

    # The account's own life -------------------------------------------------------------------------------------------
    def pass_days(self, days: float) -> None:
        self.account.advance(self.account.now + int(days * DAY))

    def subscriber(self, **terms: Any) -> tuple[str, str]:
        """A customer with a subscription, paid for by card; their ids."""
        customer = self.account.create_customer(name="Ada Lovelace", email="ada@example.com")
        return customer.id, self.account.subscribe(customer.id, [self.price.id], **terms).id
