"""Whole random lives of a simulated account, in every payload family: the translation and the MRR rules against a
renderer and metrics that share no code with them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from billing.metrics.recurring import recurring
from billing.snapshots import (
    Coupon,
    CustomerState,
    Discount,
    Kind,
    Learned,
    Price,
    State,
    SubscriptionState,
    known,
    revive,
)
from integrations.stripe.translate import READ, parse, translate
from pqintel.simulator.account import Account
from pqintel.simulator.render import FAMILIES, NEWEST, Family, exists_in, render_event
from pqintel.simulator.render.catalogue import render_coupon, render_price
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.truth import Truth

SEEDS = (1, 2, 3)
MOMENTS = 12
IN_ONE_FAMILY_ONLY = {
    (Kind.SUBSCRIPTION, "billing_mode"),  # flexible is told since basil
    (Kind.PAYMENT, "advice_code"),  # since 2025
    (Kind.CHECKOUT, "name"),  # since 2022
}

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.version)
each_life = pytest.mark.parametrize("seed", SEEDS)


def life(seed: int, family: Family) -> Account:
    """Several discounts on a subscription, or some on an item, only where the family can show them."""
    return _life(seed, stacked=family in FAMILIES[3:])


@cache
def _life(seed: int, *, stacked: bool) -> Account:
    return random_lifecycle(seed, 100, customer_discounts=True, stacked_discounts=stacked)


@cache
def told(seed: int, family: Family) -> tuple[Learned, ...]:
    """What all events of a life teach in a family, in order."""
    bodies = [
        json.dumps(render_event(event, family)).encode()
        for event in life(seed, family).events
        if exists_in(event, family)
    ]
    return tuple(learned for body in bodies if (learned := translate(parse(body))) is not None)


@each_family
@each_life
def test_what_an_update_shows_as_before_is_what_the_event_before_it_showed(seed: int, family: Family) -> None:
    latest: dict[tuple[Kind, str], State] = {}
    compared = 0
    for learned in told(seed, family):
        for snapshot in learned.snapshots:
            key = snapshot.kind, snapshot.state.id
            if snapshot.before is not None and key in latest:
                assert snapshot.before == latest[key]
                compared += 1
            assert snapshot.born == learned.event_type.endswith(".created")
            assert snapshot.born <= (key not in latest)
            latest[key] = snapshot.state
    assert compared > 100


@each_life
@pytest.mark.parametrize("family", FAMILIES[3:-1], ids=lambda family: family.version)
def test_families_agree_on_whatever_both_carry(seed: int, family: Family) -> None:
    newest = {learned.event_id: learned for learned in told(seed, NEWEST)}
    for learned in told(seed, family):
        other = newest[learned.event_id]
        assert [fact.kind for fact in learned.facts] == [fact.kind for fact in other.facts]
        for ours, theirs in zip(learned.snapshots, other.snapshots, strict=True):
            one, two = known(ours.state), known(theirs.state)
            different = {(ours.kind, name) for name in one.keys() & two.keys() if one[name] != two[name]}
            assert different <= IN_ONE_FAMILY_ONLY


@each_life
def test_every_invoice_that_took_money_is_linked_or_asked_for(seed: int) -> None:
    for family in FAMILIES:
        links = {invoice for learned in told(seed, family) for invoice, _ in learned.links}
        wanted = {want[1] for learned in told(seed, family) for want in learned.wanted if want[0] == "invoice_payments"}
        paid = {
            fact.object_id
            for learned in told(seed, family)
            for fact in learned.facts
            if fact.kind == "invoice.paid" and fact.detail["amount"]
        }
        assert paid <= links | wanted


# MRR -----------------------------------------------------------------------------------------------------------------


class Known:
    """Everything that a history taught, and what reads answered where it only named things."""

    def __init__(self, account: Account, history: Iterable[Learned]) -> None:
        self.states: dict[str, list[tuple[int, State]]] = {}
        self._entries: dict[tuple[type, str], dict[str, Any]] = {}
        wanted: set[tuple[str, str]] = set()
        for learned in history:
            self._take(learned)
            wanted.update(learned.wanted)
        for what, identity in sorted(wanted):
            if what == "price":
                self._read(render_price(account.prices[identity], NEWEST, tiers=True))
            elif what == "coupon":
                self._read(render_coupon(account.coupons[identity]))

    def _take(self, learned: Learned) -> None:
        for entry in learned.catalogue:
            self._entries.setdefault((type(entry), entry.id), {}).update(known(entry))
        for snapshot in learned.snapshots:
            self.states.setdefault(snapshot.state.id, []).append((learned.happened_at, snapshot.state))

    def _read(self, obj: dict[str, Any]) -> None:
        event = {"id": "read", "type": READ, "created": 1, "livemode": False, "data": {"object": obj}}
        learned = translate(parse(json.dumps(event).encode()))
        assert learned is not None
        self._take(learned)

    def entries(self, kind: type) -> dict[str, Any]:
        return {identity: revive(kind, fields) for (k, identity), fields in self._entries.items() if k is kind}

    def at(self, identity: str, moment: int) -> State | None:
        return next((state for at, state in reversed(self.states.get(identity, [])) if at <= moment), None)


def monthly(history: Known, moment: int) -> dict[tuple[str, bool], Fraction]:
    """MRR (False) and trial MRR (True) by currency, in minor units."""
    prices, discounts, coupons = (history.entries(kind) for kind in (Price, Discount, Coupon))
    sums: Counter[tuple[str, bool]] = Counter()
    for identity in history.states:
        state = history.at(identity, moment)
        if not isinstance(state, SubscriptionState):
            continue
        customer = history.at(state.customer, moment)
        of_customer = customer.discounts if isinstance(customer, CustomerState) else ()
        worth = recurring(state, prices, discounts, coupons, moment, moment + 1, of_customer or ())
        assert worth.missing == frozenset()
        for segment in worth.segments:
            sums[segment.currency, segment.trial] += Fraction(segment.monthly)  # type: ignore[assignment]
    return {key: round(amount, 12) for key, amount in sums.items()}


@each_life
@each_family
def test_mrr_of_every_family_is_what_the_account_itself_says(seed: int, family: Family) -> None:
    account = life(seed, family)
    history, truth = Known(account, told(seed, family)), Truth(account)
    compared = 0
    for moment in range(account.start, account.now, (account.now - account.start) // MOMENTS):
        expected: dict[tuple[str, bool], Fraction] = {}
        for currency, metrics in truth.at(moment).items():
            expected |= {(currency, False): round(metrics.mrr, 12), (currency, True): round(metrics.trial_mrr, 12)}
        assert monthly(history, moment) == {key: amount for key, amount in expected.items() if amount}
        compared += len(expected)
    assert compared > MOMENTS
