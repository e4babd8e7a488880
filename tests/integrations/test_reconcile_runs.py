"""Runs: looking again before anything is said, going on where one was left, one at a time, every night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Customer, Invoice
from billing.modes import Mode
from integrations.models import Connection, Drift, Phase, Reconciliation, Suspect
from integrations.stripe import pages as paging
from integrations.stripe import reconcile
from integrations.stripe.client import StripeReader
from integrations.tasks import begin_reconciliations, sweep_reconciliations
from pqintel.simulator.render import render_event
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import DriftFactory, InvoiceFactory, ReconciliationFactory

from .lanes import new_lane
from .reconciling import (
    START,
    ada,
    alter,
    begin,
    compare,
    drifts,
    fed,
    mrr,
    part,
    second_look_after,
    two_subscribers,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """The second look follows the first at once."""
    with second_look_after(timedelta()):
        yield


@pytest.fixture
def stripe(settings: Any) -> Iterator[Simulation]:
    with two_subscribers(settings) as simulation:
        yield simulation


# Looking again -------------------------------------------------------------------------------------------------------


def test_what_is_still_on_its_way_is_not_reported(stripe: Simulation) -> None:
    lane = fed(stripe)
    known = len(stripe.account.events)
    stripe.account.change(ada(stripe.account).id, quantity=5)
    until(lane, Phase.CONFIRMING)
    with scoped_transaction(lane.workspace):
        assert Suspect.objects.filter(kind="subscription").count() == 1
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events[known:]))  # waits: nobody drains it
    assert compare(lane).failure is None
    assert drifts(lane) == []
    assert mrr(lane) == {"usd": "294.00"}


def test_what_no_endpoint_selects_is_read_back_before_anything_is_said(stripe: Simulation) -> None:
    lane = fed(stripe)
    with scoped_transaction(lane.workspace):
        Connection.objects.update(connected_at=datetime.fromtimestamp(START, UTC))
        lane.connection.refresh_from_db()
    customer = next(iter(stripe.account.customers))
    stripe.account.update_customer(customer, name="Ada Lovelace")
    until(lane, Phase.CONFIRMING)
    with scoped_transaction(lane.workspace):
        assert Suspect.objects.get().object_id == customer
    stripe.account.advance(stripe.account.now + 90)
    compare(lane)
    assert drifts(lane) == []
    with scoped_transaction(lane.workspace):
        assert Customer.objects.get(stripe_id=customer).name == "Ada Lovelace"


def test_what_changes_between_two_looks_is_looked_at_again(stripe: Simulation) -> None:
    lane = fed(stripe)
    subscription = ada(stripe.account)
    stripe.account.put_changed(subscription, cancel_at_period_end=True)
    until(lane, Phase.CONFIRMING)
    stripe.account.put_changed(ada(stripe.account), status="past_due")
    with scope(lane.workspace), second_look_after(timedelta(minutes=1)):
        reconcile.advance(lane.connection, lambda: None)
    assert drifts(lane) == []
    with scoped_transaction(lane.workspace):
        assert Suspect.objects.get().looks == 2
        Suspect.objects.update(due_at=datetime.now(UTC))
        Reconciliation.objects.update(due_at=datetime.now(UTC))
    compare(lane)
    assert [line[2] for line in drifts(lane)] == ["cancel_at_period_end", "status"]


def test_without_a_worker_nothing_is_judged(stripe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = fed(stripe)
    known = len(stripe.account.events)
    stripe.account.change(ada(stripe.account).id, quantity=5)
    until(lane, Phase.CONFIRMING)
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events[known:]))
    monkeypatch.setattr("integrations.stripe.reconcile.pace.PATIENCE", 0.3)
    with scope(lane.workspace):
        reconcile.advance(lane.connection, lambda: None)
    assert drifts(lane) == []
    with scoped_transaction(lane.workspace):
        assert Suspect.objects.count() >= 1


# When Stripe does not answer -----------------------------------------------------------------------------------------


def test_a_run_goes_on_where_it_was_left(stripe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(250):
        stripe.account.create_customer(name=f"C{number}")
        stripe.account.advance(stripe.account.now + number % 3)
    lane = fed(stripe)
    alter(lane, Customer, next(iter(stripe.account.customers)), email="eve@example.com")
    monkeypatch.setattr(paging, "PAUSES", ())
    until(lane, Phase.LISTING)
    with after_some_questions(stripe, 5, limit_next=4):  # three lists and two pages of customers
        run = part(lane)
    assert run is not None
    assert (run.kind, run.counts["customer"], run.failures) == ("customer", 200, 1)
    assert run.failure is not None
    assert run.failure.startswith("Stripe asks to slow down")
    assert timedelta(seconds=55) < run.due_at - datetime.now(UTC) < timedelta(seconds=61)
    assert part(lane) is None
    with scoped_transaction(lane.workspace):
        Reconciliation.objects.update(due_at=datetime.now(UTC))
    run = compare(lane)
    assert (run.counts["customer"], run.failures, run.failure) == (252, 0, None)
    assert [line[2] for line in drifts(lane)] == ["email"]


@contextmanager
def after_some_questions(stripe: Simulation, count: int, **weather: int) -> Iterator[None]:
    """Change the weather once so many questions were asked."""
    asked = []
    ask = StripeReader.ask

    def counted(self: StripeReader, path: str, **words: Any) -> Any:
        asked.append(path)
        if len(asked) == count + 1:
            stripe.faults.change(**weather)
        return ask(self, path, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StripeReader, "ask", counted)
        yield


def test_a_permission_that_is_missing_leaves_one_kind_out(stripe: Simulation) -> None:
    lane = fed(stripe)
    may = {"rak_customer_read", "rak_subscription_read", "rak_product_read", "rak_plan_read", "rak_coupon_read"}
    stripe.keys.add(stripe.restricted_key, {*may, "rak_payment_intent_read"})
    run = compare(lane)
    assert run.failure is None
    assert list(run.skipped) == ["invoice"]
    assert "rak_invoice_read" in run.skipped["invoice"]
    assert run.counts["payment"] == len(stripe.account.payment_intents)


def test_a_refused_key_ends_the_run(stripe: Simulation) -> None:
    lane = fed(stripe)
    stripe.keys.revoke(stripe.restricted_key)
    assert (compare(lane).failure or "").startswith("Stripe does not accept the key.")


def test_a_mode_that_is_not_connected_is_not_compared(stripe: Simulation) -> None:
    lane = fed(stripe)
    with scoped_transaction(lane.workspace):
        Connection.objects.update(status="broken")
        lane.connection.refresh_from_db()
    with pytest.raises(reconcile.CannotReconcile, match="not connected"):
        begin(lane)


# One run at a time, nobody else's rows, few statements ---------------------------------------------------------------


def test_one_run_and_one_worker_at_a_time(stripe: Simulation) -> None:
    lane = fed(stripe)
    run = begin(lane, asked_by="ada@example.com")
    assert begin(lane).pk == run.pk
    with scoped_transaction(lane.workspace):
        Reconciliation.objects.update(busy_until=datetime.now(UTC) + timedelta(minutes=1))
    assert part(lane) is None
    with scoped_transaction(lane.workspace):
        Reconciliation.objects.update(busy_until=datetime.now(UTC) - timedelta(seconds=1))
    assert part(lane) is not None


def test_rows_of_other_workspaces_and_of_the_other_mode_are_not_looked_at(stripe: Simulation) -> None:
    lane, other = fed(stripe), fed(stripe, slug="other")
    live_side = new_lane("acme", Mode.LIVE)
    customer = next(iter(stripe.account.customers))
    alter(other, Customer, customer, email="eve@example.com")
    stray = InvoiceFactory(
        workspace=lane.workspace, mode=Mode.LIVE, created=datetime.fromtimestamp(stripe.account.start, UTC)
    )
    DriftFactory(reconciliation=ReconciliationFactory(connection=other.connection))
    DriftFactory(reconciliation=ReconciliationFactory(connection=live_side.connection))
    compare(lane)
    with scoped_transaction(lane.workspace):
        assert list(Drift.objects.filter(mode=Mode.TEST)) == []
        told = reconcile.status(lane.workspace.pk, Mode.TEST)
        assert told.last is not None
        assert told.last.drifts == 0
        assert reconcile.drift_lines(lane.workspace.pk, Mode.TEST) == ([], None)
        assert Invoice.objects.filter(pk=stray.pk).exists()
    with scoped_transaction(other.workspace):
        assert Customer.objects.get(stripe_id=customer).email == "eve@example.com"


def test_statements_of_a_page_do_not_grow_with_its_objects(stripe: Simulation) -> None:
    def statements(more: int) -> int:
        for number in range(more):
            stripe.account.create_customer(name=f"C{number}")
        lane = fed(stripe, slug=f"with-{more}")
        with scoped_transaction(lane.workspace):
            Customer.objects.update(email="eve@example.com")
        until(lane, Phase.LISTING)
        with CaptureQueriesContext(connection) as queries:
            part(lane)
        with scoped_transaction(lane.workspace):
            assert Suspect.objects.filter(kind="customer").count() == len(stripe.account.customers)
        return len(queries)

    assert statements(1) == statements(90) < 100


def test_statements_of_a_second_look_do_not_grow_with_its_objects(stripe: Simulation) -> None:
    def statements(count: int) -> int:
        lane = fed(stripe, slug=f"with-{count}")
        with scoped_transaction(lane.workspace):
            for row in Customer.objects.order_by("pk")[:count]:
                Customer.objects.filter(pk=row.pk).update(email="eve@example.com")
        until(lane, Phase.CONFIRMING)
        with CaptureQueriesContext(connection) as queries:
            part(lane)
        assert len(drifts(lane)) == count
        return len(queries)

    for number in range(20):
        stripe.account.create_customer(name=f"C{number}")
    assert statements(2) == statements(20) < 60


# By night ------------------------------------------------------------------------------------------------------------


def test_a_run_begins_every_night_and_not_more_often(stripe: Simulation) -> None:
    lane = fed(stripe)
    assert begin_reconciliations() == 0  # connected just now
    with scoped_transaction(lane.workspace):
        Connection.objects.update(connected_at=datetime.now(UTC) - timedelta(hours=37))
    new_lane("new", Mode.TEST, secret_key=stripe.restricted_key)
    assert begin_reconciliations() == 1
    assert begin_reconciliations() == 0
    assert sweep_reconciliations() == 1
    with scoped_transaction(lane.workspace):
        run = Reconciliation.objects.get()
    assert (run.asked_by, run.repairs, run.finished_at) == ("", True, None)
    with scoped_transaction(lane.workspace):
        Reconciliation.objects.update(finished_at=datetime.now(UTC), started_at=datetime.now(UTC) - timedelta(hours=37))
    assert sweep_reconciliations() == 0
    assert begin_reconciliations() == 1
