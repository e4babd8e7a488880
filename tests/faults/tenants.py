"""Whose events are delivered, what they are, and what must have become of them in the end."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from django.db import connection

from billing.fingerprint import canonical
from billing.metrics.mrr import mrr_at
from billing.modes import Mode
from integrations.models import InboxEvent
from integrations.stripe.drain import drain
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY, HOUR
from pqintel.simulator.delivery import Parcel, pack
from pqintel.simulator.signing import signature_header
from pqintel.simulator.truth import Truth
from pqintel.vault import seal
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ConnectionFactory

from .stage import scaled

START = 1_735_689_600
"""2025-01-01T00:00:00Z, where the company begins."""
_numbers = count(1)


@dataclass(frozen=True)
class Tenant:
    """A workspace with a connection in test mode, and what its Stripe account needs to deliver to it."""

    workspace: Workspace
    connection_id: UUID
    lane: int
    token: str
    secret: str

    @property
    def path(self) -> str:
        return f"/webhooks/stripe/{self.token}/"

    def signature(self, body: bytes) -> str:
        """The header of a delivery that is made now."""
        return signature_header(body, [self.secret], int(time.time()))

    def put(self, parcels: Iterable[Parcel]) -> None:
        """Store events as the webhook would, in one transaction, without HTTP and without ringing."""
        rows = [
            (
                *(self.workspace.pk, self.connection_id, "test", parcel.event_id),
                seal(parcel.body, "integrations_inboxevent", "body", self.workspace.pk, parcel.event_id),
            )
            for parcel in parcels
        ]
        with scoped_transaction(self.workspace), connection.cursor() as cursor:
            cursor.executemany("SELECT inbox_receive(%s, %s, %s, %s, %s, true)", rows)

    def states(self) -> dict[str, str]:
        """Event id → state in the inbox."""
        with scoped_transaction(self.workspace):
            return dict(InboxEvent.objects.values_list("event_id", "state"))

    def waiting(self) -> int:
        with scoped_transaction(self.workspace):
            return InboxEvent.objects.filter(state="pending").count()

    def outcome(self) -> Outcome:
        """What became of everything."""
        states = self.states()
        with scoped_transaction(self.workspace):
            return Outcome(states, canonical(self.workspace.pk, Mode.TEST), mrr(self.workspace.pk))


@dataclass(frozen=True)
class Outcome:
    """The end of a story: the inbox, the whole billing state without what says when it was learnt, and the MRR."""

    states: dict[str, str]
    billing: dict[str, list[Any]]
    mrr: dict[str, tuple[str, int]]


def mrr(workspace_id: int) -> dict[str, tuple[str, int]]:
    """Currency → MRR in major units and active subscribers, at the end of the story. Must run in scope."""
    at = mrr_at(workspace_id, Mode.TEST, datetime.fromtimestamp(company().now, UTC))
    return {line.currency: (line.mrr.plain(), line.active_subscribers) for line in at.currencies}


def true_mrr() -> dict[str, tuple[str, int]]:
    """The same by the simulated account's own code."""
    found = Truth(company()).as_dict()
    return {currency: (one["mrr"], one["active_subscribers"]) for currency, one in found.items()}


def new_tenant() -> Tenant:
    """A connected workspace without API keys: nothing is ever read for it."""
    token, secret = secrets.token_urlsafe(32), "whsec_" + secrets.token_hex(16)
    row = ConnectionFactory(
        workspace__slug=f"tenant-{next(_numbers)}",
        token_text=token,
        webhook_secret=secret,
        secret_key=None,
        account_id=None,
    )
    return Tenant(row.workspace, row.pk, row.lane, token, secret)


def new_tenants(number: int) -> list[Tenant]:
    return [new_tenant() for _ in range(number)]


@cache
def company() -> Account:
    """Some customers' first two months: subscribing, paying, changing, failing, leaving."""
    account = Account("faults", START)
    product = account.create_product("Plan").id
    small, large = (account.create_price(product, amount).id for amount in (2_000, 9_900))
    yearly = account.create_price(product, 96_000, interval="year").id
    euro = account.create_price(product, 3_500, currency="eur").id
    running = []
    for number in range(scaled(24)):
        customer = account.create_customer(name=f"Customer {number}", email=f"c{number}@example.com").id
        price = (small, small, large, yearly, euro)[number % 5]
        running.append(account.subscribe(customer, price, trial_days=7 if number % 8 == 7 else 0))
        account.advance(account.now + 5 * HOUR)
    for number, subscription in enumerate(running):
        if number % 6 == 1:
            account.change(subscription.id, quantity=3)
        elif number % 6 == 2:
            account.cancel(subscription.id)
        elif number % 6 == 4:
            account.decline_next(subscription.customer, "insufficient_funds")
        account.advance(account.now + HOUR)
    account.advance(account.now + 40 * DAY)
    return account


@cache
def history() -> tuple[Parcel, ...]:
    """Everything that Stripe would deliver of it, types that are not used included."""
    return tuple(pack(company().events))


def parts(number: int) -> list[tuple[Parcel, ...]]:
    """The history in as many parts, each from its beginning to its end: for deliveries one after the other."""
    return [history()[part::number] for part in range(number)]


def newcomers(number: int) -> Iterator[Parcel]:
    """As many events as asked for, each of a customer of its own."""
    told = next(event for event in map(json.loads, (p.body for p in history())) if event["type"] == "customer.created")
    for each in range(number):
        customer = {**told["data"]["object"], "id": f"cus_Newcomer{each:06}"}
        event = {**told, "id": f"evt_Newcomer{each:06}", "data": {"object": customer}}
        yield Parcel(event["id"], json.dumps(event).encode())


def in_peace() -> Outcome:
    """What becomes of the history when nothing happens: stored and drained by this process."""
    tenant = new_tenant()
    tenant.put(history())
    while drain(tenant.lane).more:
        continue
    return tenant.outcome()


def differences(found: Outcome, expected: Outcome) -> list[str]:
    """In what two outcomes differ, in words; empty if in nothing."""
    told = []
    if found.states != expected.states:
        wrong = {e: (found.states.get(e), s) for e, s in expected.states.items() if found.states.get(e) != s}
        counts = Counter(found.states.values()), Counter(expected.states.values())
        told.append(f"inbox: {dict(counts[0])} instead of {dict(counts[1])}; {dict(list(wrong.items())[:5])}")
    for table, rows in expected.billing.items():
        have = found.billing[table]
        if have != rows:
            missing, extra = [r for r in rows if r not in have], [r for r in have if r not in rows]
            told.append(f"{table}: {len(have)} rows instead of {len(rows)}; missing {missing[:2]}; extra {extra[:2]}")
    if found.mrr != expected.mrr:
        told.append(f"MRR: {found.mrr} instead of {expected.mrr}")
    return told


def all_done(tenants: Sequence[Tenant]) -> bool:
    """Whether nothing waits in any of their lanes."""
    return not any(tenant.waiting() for tenant in tenants)
