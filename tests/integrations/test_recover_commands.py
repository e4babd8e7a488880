"""`manage.py stripe_recover` and `stripe_reconcile`: what they print, and with which code they end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import Customer
from billing.modes import Mode
from integrations.models import Connection, InboxEvent, Recovery
from integrations.stripe import reconcile
from pqintel.simulator.clock import DAY
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import WorkspaceFactory

from .lanes import Lane, new_lane
from .reconciling import START, ada, alter, fed, second_look_after, two_subscribers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    with second_look_after(timedelta()):
        yield


@pytest.fixture
def stripe(settings: Any) -> Iterator[Simulation]:
    with two_subscribers(settings) as simulation:
        yield simulation


@pytest.fixture
def lane(stripe: Simulation) -> Lane:
    """Everything arrived, and was connected since the account began."""
    lane = fed(stripe)
    with scoped_transaction(lane.workspace):
        Connection.objects.update(connected_at=datetime.fromtimestamp(START, UTC))
    return lane


def run(name: str, *words: str, slug: str = "acme", mode: str = "test") -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command(name, slug, "--mode", mode, *words, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    except CommandError as error:
        out.write(str(error))
        code = error.returncode
    return code, out.getvalue()


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("read_until", "compared")}


# Wrong usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stripe_recover", "stripe_reconcile"])
def test_wrong_usage(name: str) -> None:
    assert run(name, slug="nobody") == (2, "There is no workspace 'nobody'.")
    WorkspaceFactory(slug="acme")
    assert run(name) == (2, "acme is not connected to Stripe in test mode: see stripe_connect --help.")
    new_lane("acme", Mode.TEST)
    assert run(name, mode="live") == (2, "acme is not connected to Stripe in live mode: see stripe_connect --help.")
    with pytest.raises(CommandError, match="invalid choice: 'prod'"):
        call_command(name, "acme", "--mode", "prod")


def test_wrong_days(lane: Lane) -> None:
    for days in ("0", "31"):
        assert run("stripe_recover", "--days", days)[0] == 2


# Recover -------------------------------------------------------------------------------------------------------------


def test_recover_processes_what_is_missing(stripe: Simulation, lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_type="customer.created").delete()
        Customer.objects.all().delete()
    code, out = run("stripe_recover", "--json")
    assert (code, without_times(json.loads(out))) == (
        0,
        {"found": 2, "missed": 0, "gap": None, "processed": True, "failure": None},
    )
    with scoped_transaction(lane.workspace):
        assert sorted(Customer.objects.values_list("name", flat=True)) == ["Ada", "Bob"]
    code, out = run("stripe_recover")
    assert (code, out.splitlines()[0]) == (0, "Read back: 0 events, 0 of them of types that every endpoint selects.")


def test_recover_tells_a_gap(stripe: Simulation, lane: Lane) -> None:
    run("stripe_recover")
    stripe.account.advance(stripe.account.now + 45 * DAY)
    code, out = run("stripe_recover", "--json")
    document = json.loads(out)
    assert code == 1
    starts, ends = (datetime.fromisoformat(document["gap"][name]) for name in ("from", "to"))
    assert timedelta(days=15) - (ends - starts) < timedelta(minutes=2)
    assert run("stripe_recover")[0] == 0  # told once


def test_recover_reads_earlier_days_again_when_asked(stripe: Simulation, lane: Lane) -> None:
    run("stripe_recover")
    stripe.account.advance(stripe.account.now + 2 * DAY)
    run("stripe_recover")
    with scoped_transaction(lane.workspace):
        first = InboxEvent.objects.filter(event_type="customer.created").order_by("pk")[:1]
        InboxEvent.objects.filter(pk__in=first).delete()
        Recovery.objects.update(read_until=datetime.fromtimestamp(stripe.account.now - 60, UTC))
    assert json.loads(run("stripe_recover", "--json")[1])["found"] == 0
    assert run("stripe_recover", "--days", "5", "--json")[0] == 0


def test_recover_says_why_it_cannot_read(stripe: Simulation, lane: Lane) -> None:
    stripe.keys.revoke(stripe.restricted_key)
    code, out = run("stripe_recover")
    assert code == 1
    assert "FAILED: Stripe does not accept the key." in out
    assert stripe.restricted_key not in out


# Reconcile -----------------------------------------------------------------------------------------------------------


def test_reconcile_in_step(stripe: Simulation, lane: Lane) -> None:
    code, out = run("stripe_reconcile", "--json")
    document = json.loads(out)
    assert (code, without_times(document)) == (
        0,
        {"left_out": {}, "drifts": [], "open": 0, "finished": True, "failure": None},
    )
    assert document["compared"]["subscription"] == 2
    code, out = run("stripe_reconcile")
    assert (code, out.splitlines()[-1]) == (0, "Nothing differs.")


def test_reconcile_repairs(stripe: Simulation, lane: Lane) -> None:
    customer = ada(stripe.account).customer
    alter(lane, Customer, customer, email="eve@example.com")
    code, out = run("stripe_reconcile", "--json")
    document = json.loads(out)
    assert (code, document["open"]) == (0, 0)
    assert document["drifts"] == [
        {
            "kind": "customer",
            "id": customer,
            "field": "email",
            "ours": "eve@example.com",
            "theirs": "ada@example.com",
            "amount": None,
            "currency": None,
            "repaired": True,
        }
    ]
    with scoped_transaction(lane.workspace):
        assert Customer.objects.get(stripe_id=customer).email == "ada@example.com"


def test_reconcile_without_repair_ends_with_1_where_anything_differs(stripe: Simulation, lane: Lane) -> None:
    invoice = list(stripe.account.invoices.values())[-1]
    stripe.account.put_changed(invoice, status="void")
    code, out = run("stripe_reconcile", "--no-repair")
    assert code == 1
    assert f"OPEN  invoice {invoice.id} Status: open / void  (49.00 usd)" in out
    with scope(lane.workspace):
        run_, _ = reconcile.begin(lane.connection)
    code, out = run("stripe_reconcile", "--no-repair")
    assert (code, out) == (1, "A comparison that repairs goes on already. Try again when it is done.")
    assert run_.finished_at is None


def test_reconcile_names_what_it_may_not_read(stripe: Simulation, lane: Lane) -> None:
    stripe.keys.add(stripe.restricted_key, {"rak_customer_read", "rak_event_read"})
    code, out = run("stripe_reconcile")
    assert code == 1
    assert "LEFT OUT: invoices. The key lacks a permission: rak_invoice_read." in out
