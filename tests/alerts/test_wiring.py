"""From events that are learnt to messages in the outbox, by the wiring of the product: once, whatever comes first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import transaction

from billing.actions import learn
from billing.actions.reacting import visit
from billing.snapshots import Fact, Kind, Learned, Snapshot, SubscriptionState
from pqintel.reactions import REACTIONS
from pqintel.workspaces.tenancy import scope
from tests.alerts.stage import NOON, Stage, at

pytestmark = pytest.mark.django_db(transaction=True)

T = int(NOON.timestamp())


def failed(number: int, kind: str, name: str) -> Learned:
    """One of the two events of a failed attempt of customer `number`."""
    detail = {"amount": 4900, "currency": "usd", "decline": "soft"}
    about = Kind.INVOICE if name == "in" else Kind.PAYMENT
    known = Fact(kind, about, f"{name}_{number}", f"cus_{number}", detail)
    links = ((f"in_{number}", f"pi_{number}"),)
    return Learned(f"evt_{name}{number}", kind, T + number, (), links=links, facts=(known,))


def live(stage: Stage, minute: float, lessons: Sequence[Learned]) -> None:
    """Events come, and whoever is wired to them reacts."""
    with scope(stage.workspace):
        with transaction.atomic():
            learn(stage.workspace.pk, stage.mode, lessons, at(minute))
        visit(stage.workspace.pk, stage.mode, REACTIONS, lambda: at(minute))


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.rule("payment_failed", {"minimums": {}})
    stage.rule("payment_failures", {"measure": "count", "threshold": "2", "currency": "", "minutes": 60})
    return stage


@pytest.mark.parametrize("kinds", [("in", "pi"), ("pi", "in")])
def test_failures_are_told_once_each_and_once_together(stage: Stage, kinds: tuple[str, str]) -> None:
    events = {"in": "invoice.payment_failed", "pi": "payment.failed"}
    for minute, name in enumerate(kinds):
        live(stage, minute + 0.1, [failed(number, events[name], name) for number in (1, 2, 3)])
    live(stage, 3, [failed(number, events[name], name) for number in (1, 2, 3) for name in kinds])
    titles = stage.titles()
    assert sorted(titles) == [
        "3 payments failed within an hour",
        *(f"Payment of $49.00 failed: cus_{number}" for number in (1, 2, 3)),
    ]


def test_the_events_of_another_workspace_are_not_told_here(stage: Stage) -> None:
    other = Stage()
    live(other, 0.1, [failed(1, "invoice.payment_failed", "in")])
    assert (stage.titles(), other.titles()) == ([], [])


def test_a_new_subscription_is_told_by_the_rule_for_it(stage: Stage) -> None:
    stage.rule("event", {"kinds": ["subscription.started"], "minimums": {}, "tier": "", "customer": ""})
    state = SubscriptionState("sub_1", "cus_1", "active", T)
    snapshot = Snapshot(Kind.SUBSCRIPTION, state, born=True)
    live(stage, 0.1, [Learned("evt_1", "customer.subscription.created", T, (snapshot,))])
    assert stage.titles() == ["Subscription started: cus_1"]
