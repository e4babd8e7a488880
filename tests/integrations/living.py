"""Simulated lives taken in without HTTP: translated and learnt as a worker would, in any order and any batches."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from billing.actions import learn
from billing.models import DailyRollup, Movement, MovementKind
from billing.modes import Mode
from billing.snapshots import Learned
from integrations.stripe.translate import READ, parse, translate
from pqintel.simulator.account import Account
from pqintel.simulator.render import FAMILIES, NEWEST, Family, exists_in, render_event
from pqintel.simulator.render.catalogue import render_coupon, render_price
from pqintel.simulator.render.objects import render_object
from pqintel.simulator.server.endpoints import selected
from pqintel.simulator.state import Customer, Invoice, PaymentIntent, Subscription
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

PLAIN = FAMILIES[2]
"""2022-11-15: the family that carries most in its events, discounts with their coupons and why something ended."""


def lessons(account: Account, family: Family = PLAIN, types: Collection[str] = ("*",)) -> list[Learned]:
    """What the events of a life teach, in order, and after them what reads of its prices and coupons answer.

    `types`: what the endpoint selects, wildcards allowed.
    """
    events = [event for event in account.events if exists_in(event, family) and selected(event.type, types)]
    bodies = [render_event(event, family) for event in events]
    told = [learned for body in bodies if (learned := translate(parse(json.dumps(body).encode()))) is not None]
    wanted = sorted({want for learned in told for want in learned.wanted})
    for what, identity in wanted:
        if what == "price":
            told.append(_read(identity, account.start, render_price(account.prices[identity], NEWEST, tiers=True)))
        elif what == "coupon":
            told.append(_read(identity, account.start, render_coupon(account.coupons[identity])))
    return told


def teach(workspace: Workspace, told: Iterable[Learned], batch: int = 200, mode: Mode = Mode.TEST) -> None:
    """Learn in batches of that size, each a transaction of its own."""
    waiting = iter(told)
    while some := list(islice(waiting, batch)):
        with scoped_transaction(workspace) as workspace_id:
            learn(workspace_id, mode, some, datetime.now(UTC))


Told = set[tuple[Any, ...]]


def movements_of(workspace: Workspace, mode: Mode = Mode.TEST) -> Told:
    """The movements per customer and currency that billing has written: day, currency, customer, kind, amount ≥ 0."""
    with scoped_transaction(workspace) as workspace_id:
        rows = Movement.objects.filter(workspace_id=workspace_id, mode=mode, price="").exclude(currency="")
        return {(row.day, row.currency, row.customer, row.kind, settled(abs(row.amount))) for row in rows}


def true_movements(truth: Truth, zone: str = "UTC") -> Told:
    """The same as the simulator tells them."""
    return {
        (one.day, one.currency, one.customer, _kind(one.kind, one.involuntary), settled(one.amount))
        for one in truth.movements(ZoneInfo(zone))
    }


def settled(amount: Decimal | Fraction) -> Fraction:
    """An amount of minor units to nine places: what both sides can agree on exactly."""
    return round(Fraction(amount), 9)


def daily(workspace: Workspace, until: Any, mode: Mode = Mode.TEST) -> dict[Any, dict[str, Fraction]]:
    """Day → currency → MRR (minor units) at its close, summed from the daily rollups."""
    with scoped_transaction(workspace) as workspace_id:
        rows = list(
            DailyRollup.objects.filter(workspace_id=workspace_id, mode=mode, price="", day__lte=until)
            .exclude(currency="")
            .order_by("day")
        )
    balances: dict[str, Fraction] = {}
    closes: dict[Any, dict[str, Fraction]] = {}
    for row in rows:
        balances[row.currency] = balances.get(row.currency, Fraction(0)) + Fraction(row.amount)
        closes[row.day] = dict(balances)
    return closes


def _kind(kind: str, involuntary: bool) -> str:
    return MovementKind.INVOLUNTARY_CHURN.value if involuntary else kind


def _read(name: str, at: int, obj: dict[str, Any]) -> Learned:
    event = {"id": f"pqread_{name}", "type": READ, "created": at, "livemode": False, "data": {"object": obj}}
    learned = translate(parse(json.dumps(event).encode()))
    assert learned is not None
    return learned


def shuffled(told: Sequence[Learned], seed: int, copies: int = 1) -> list[Learned]:
    """The lessons in another order, each that many times."""
    many = [*told] * copies
    Random(seed).shuffle(many)
    return many


def reads(account: Account, count: int, seed: int | str, family: Family = PLAIN) -> list[Learned]:
    """What reads of the API at random instants would have shown: objects as they were when that second began."""
    random = Random(f"reads:{seed}")
    states: dict[str, list[tuple[int, Any]]] = {}
    thrown_away = {event.after.id for event in account.events if event.type == "invoice.deleted"}
    for entry in account.journal:
        if (
            isinstance(entry.state, Subscription | Invoice | PaymentIntent | Customer)
            and entry.state.id not in thrown_away
        ):
            states.setdefault(entry.state.id, []).append((entry.at, entry.state))
    told = []
    for number, identity in enumerate(random.choices(sorted(states), k=count)):
        first = states[identity][0][0]
        at = random.randint(first + 1, max(first + 1, account.now))
        state = [state for since, state in states[identity] if since < at][-1]
        if not getattr(state, "deleted", False):  # of those, reads answer with a stub
            told.append(_read(f"{seed}_{number}", at, render_object(state, family)))
    return told
