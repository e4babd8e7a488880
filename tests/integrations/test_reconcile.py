"""Comparing with Stripe: nothing to report where nothing differs, else what and how much; repaired through the lane."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Customer, HistoryEntry, Invoice, Payment, Product, Subscription
from integrations.models import Drift, InboxEvent, Suspect
from pqintel.simulator.render import Family
from pqintel.simulator.render.families import FAMILIES
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import InvoiceFactory

from .reconciling import about, ada, alter, answers_for, compare, drifts, fed, mrr, second_look_after, two_subscribers

pytestmark = pytest.mark.django_db(transaction=True)

FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=[family.version for family in FAMILIES])


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """The second look follows the first at once."""
    with second_look_after(timedelta()):
        yield


@pytest.fixture
def lived(settings: Any) -> Iterator[Simulation]:
    """A crowded life: all kinds of prices, statuses and endings."""
    with Simulation(random_lifecycle(3, 40, stacked_discounts=False), seed=3) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


@pytest.fixture
def stripe(settings: Any) -> Iterator[Simulation]:
    with two_subscribers(settings) as simulation:
        yield simulation


@FAMILY
def test_nothing_differs_where_everything_arrived(family: Family, lived: Simulation) -> None:
    lane = fed(lived, family)
    run = compare(lane)
    assert (run.failure, run.skipped) == (None, {})
    assert drifts(lane) == []
    account = lived.account
    assert run.counts == {
        "product": len(account.products),
        "price": len(account.prices),
        "coupon": len(account.coupons),
        "customer": sum(not c.deleted for c in account.customers.values()),
        "subscription": len(account.subscriptions),
        "invoice": len(account.invoices),
        "payment": len(account.payment_intents),
    }
    with scoped_transaction(lane.workspace):
        assert Suspect.objects.count() == 0


# What was altered here -----------------------------------------------------------------------------------------------


def test_rows_that_were_altered_are_reported_with_amounts_and_repaired(stripe: Simulation) -> None:
    lane = fed(stripe)
    account = stripe.account
    subscription, invoice = ada(account), next(iter(account.invoices.values()))
    payment, customer = next(iter(account.payment_intents)), next(iter(account.customers))
    product = next(iter(account.products))
    before = mrr(lane)
    with scoped_transaction(lane.workspace):
        items = Subscription.objects.get(stripe_id=subscription.id).items
    alter(lane, Subscription, subscription.id, items=[{**items[0], "quantity": 1}])
    alter(lane, Invoice, invoice.id, amount_paid=14_000, status="open")
    alter(lane, Payment, payment, amount=1)
    alter(lane, Customer, customer, email="eve@example.com")
    alter(lane, Product, product, seen={"name": [0, "Teem"], "active": [0, True]}, name="Teem")
    run = compare(lane)
    assert drifts(lane) == [
        ("customer", customer, "email", "eve@example.com", "ada@example.com"),
        ("invoice", invoice.id, "amount_paid", 14_000, 14_700),
        ("invoice", invoice.id, "status", "open", "paid"),
        ("payment", payment, "amount", 1, 14_700),
        ("product", product, "name", "Teem", "Team"),
        ("subscription", subscription.id, "items", [{**items[0], "quantity": 1}], items),
    ]
    assert about(lane) == {
        "email": (None, "", True),
        "amount_paid": (Decimal(700), "usd", True),
        "status": (Decimal(14_700), "usd", True),
        "amount": (Decimal(14_699), "usd", True),
        "name": (None, "", True),
        "items": (Decimal(9_800), "usd", True),
    }
    assert run.failure is None
    compare(lane)
    assert len(drifts(lane)) == 6  # nothing is left
    assert mrr(lane) == before == {"usd": "196.00"}


def test_rows_that_are_missing_here_are_made_again(stripe: Simulation) -> None:
    lane = fed(stripe)
    invoice = next(iter(stripe.account.invoices.values()))
    with scoped_transaction(lane.workspace):
        Invoice.objects.filter(stripe_id=invoice.id).delete()
    compare(lane)
    assert drifts(lane) == [("invoice", invoice.id, "", None, "present")]
    assert about(lane) == {"": (Decimal(14_700), "usd", True)}
    with scoped_transaction(lane.workspace):
        assert Invoice.objects.get(stripe_id=invoice.id).status == "paid"


def test_what_never_came_is_made_known(stripe: Simulation) -> None:
    subscription = ada(stripe.account)
    lane = fed(stripe, without=frozenset({subscription.id, subscription.customer}))
    assert mrr(lane) == {"usd": "49.00"}
    compare(lane)
    answers_for(lane)
    assert ("subscription", subscription.id, "", None, "present") in drifts(lane)
    with scoped_transaction(lane.workspace):
        row = Drift.objects.get(kind="subscription")
    assert (row.amount, row.currency, row.repaired_at is not None) == (Decimal(14_700), "usd", True)
    assert mrr(lane) == {"usd": "196.00"} == {c: n["mrr"] for c, n in stripe.truth.as_dict().items()}


# What was altered there ----------------------------------------------------------------------------------------------


def test_changes_at_stripe_without_an_event_are_found(stripe: Simulation) -> None:
    lane = fed(stripe)
    account = stripe.account
    subscription = ada(account)
    account.put_changed(subscription, status="past_due", cancel_at_period_end=True)
    (customer, *_) = account.customers.values()
    account.put_changed(customer, name="Ada Lovelace")
    compare(lane)
    assert drifts(lane) == [
        ("customer", customer.id, "name", "Ada", "Ada Lovelace"),
        ("subscription", subscription.id, "cancel_at_period_end", False, True),
        ("subscription", subscription.id, "status", "active", "past_due"),
    ]
    assert about(lane)["status"] == (None, "", True)  # worth the same
    with scoped_transaction(lane.workspace):
        assert Subscription.objects.get(stripe_id=subscription.id).status == "past_due"
        caused = set(HistoryEntry.objects.filter(object_id=subscription.id).values_list("event_id", flat=True))
    assert [i for i in caused if i.startswith("pqread_")]  # what nobody is alerted about


def test_what_is_not_at_stripe_any_more_is_reported_and_stays_open(stripe: Simulation) -> None:
    lane = fed(stripe)
    invoice = list(stripe.account.invoices.values())[-1]
    del stripe.account.invoices[invoice.id]
    compare(lane)
    assert drifts(lane) == [("invoice", invoice.id, "", "present", None)]
    assert about(lane) == {"": (Decimal(-4_900), "usd", False)}


def test_deleted_customers_and_thrown_away_drafts_are_not_missed(lived: Simulation) -> None:
    account = lived.account
    assert [c for c in account.customers.values() if c.deleted]
    account.delete_customer(next(c.id for c in account.customers.values() if not c.deleted))
    lane = fed(lived)
    InvoiceFactory(workspace=lane.workspace, status="deleted", created=datetime.fromtimestamp(account.start, UTC))
    compare(lane)
    assert drifts(lane) == []


# Without repairs -----------------------------------------------------------------------------------------------------


def test_without_repairs_it_only_reports(stripe: Simulation) -> None:
    lane = fed(stripe)
    customer = next(iter(stripe.account.customers))
    alter(lane, Customer, customer, email="eve@example.com")
    with scoped_transaction(lane.workspace):
        events = InboxEvent.objects.count()
    compare(lane, repairs=False)
    assert about(lane) == {"email": (None, "", False)}
    with scoped_transaction(lane.workspace):
        assert InboxEvent.objects.count() == events
        assert Customer.objects.get(stripe_id=customer).email == "eve@example.com"
