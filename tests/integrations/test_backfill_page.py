"""The backfill as people see it: its block on the Stripe page, the button, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.metrics.mrr import mrr_at
from billing.modes import Mode
from integrations.models import Backfill
from integrations.stripe.backfill.progress import of
from integrations.stripe.backfill.stages import STAGES
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.conftest import MemberClient
from tests.factories import BackfillFactory, ConnectionFactory, WorkspaceFactory
from tests.integrations.lanes import Lane, new_lane

PAGE = "/w/acme/settings/integrations/stripe/"
BLOCK = f"{PAGE}test/backfill/"
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def runs_of(workspace: Workspace) -> list[Backfill]:
    with scoped_transaction(workspace):
        return list(Backfill.objects.order_by("started_at"))


# Words ---------------------------------------------------------------------------------------------------------------


def run(**fields: Any) -> Backfill:
    return BackfillFactory.build(started_at=timezone.now(), **fields)


def test_pages_to_come_are_estimated_from_how_far_back_the_list_has_come() -> None:
    now = int(timezone.now().timestamp())
    year = 365 * 86_400
    told = of(run(stage="invoice", pages=12, counts={"invoice": 1200}, oldest=now - year, reached=now - year * 3 // 10))
    assert told.state == "running"
    assert told.now is not None
    assert (told.now.label, told.now.count, told.now.detail) == ("Invoices", 1200, "12 of about 40 pages")
    assert [line.state for line in told.stages] == ["done"] * 5 + ["running"] + ["pending"] * 4


def test_what_cannot_be_estimated_is_not() -> None:
    now = int(timezone.now().timestamp())
    first = of(run(stage="customer", pages=1, oldest=now - 100, reached=now - 100)).now
    events = of(run(stage="event", pages=3, oldest=now - 100, reached=now - 50)).now
    fresh = of(run(stage="invoice")).now
    assert (first and first.detail, events and events.detail, fresh and fresh.detail) == ("1 page", "3 pages", "")


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        ("Stripe does not accept the key.", "Paste a new key"),
        ("Stripe is not connected.", "Connect Stripe first."),
        ("The stored key is unreadable.", "Whoever runs PQ Intel"),
        ("Stripe could not be reached.", "Then let it go on"),
    ],
)
def test_every_failure_has_a_remedy(failure: str, remedy: str) -> None:
    told = of(run(stage="invoice", failure=failure, finished_at=timezone.now()))
    assert (told.state, told.failure) == ("failed", failure)
    assert told.remedy.startswith(remedy)


# The page ------------------------------------------------------------------------------------------------------------


def test_the_page_shows_a_run_that_asks_for_news_of_itself(workspace: Workspace, viewer_client: Client) -> None:
    connection = ConnectionFactory(workspace=workspace)
    BackfillFactory(connection=connection, stage="invoice", counts={"customer": 2_381, "invoice": 1_200}, pages=12)
    html = text_of(viewer_client.get(PAGE))
    assert "Invoices: 1,200 so far, 12 pages. 3,581 objects in all." in html
    assert f'hx-get="{BLOCK}?seen=' in html
    assert "Read again" not in html


def test_the_block_is_answered_only_when_something_is_new(
    workspace: Workspace, viewer_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    connection = ConnectionFactory(workspace=workspace)
    BackfillFactory(connection=connection, counts={"customer": 100}, pages=1)
    first = viewer_client.get(BLOCK, headers=HTMX)
    assert (first.status_code, "Customers: 100 so far" in text_of(first)) == (200, True)
    seen = first.context["backfill"].progress.version
    assert viewer_client.get(f"{BLOCK}?seen={seen}", headers=HTMX).status_code == 204
    with scoped_transaction(workspace):
        Backfill.objects.update(counts={"customer": 200}, pages=2)
    again = viewer_client.get(f"{BLOCK}?seen={seen}", headers=HTMX)
    assert (again.status_code, "Customers: 200 so far, 2 pages" in text_of(again)) == (200, True)
    with django_assert_max_num_queries(16):
        viewer_client.get(BLOCK, headers=HTMX)


def test_waiting_and_what_was_left_out_are_said(workspace: Workspace, admin_client: Client) -> None:
    connection = ConnectionFactory(workspace=workspace)
    BackfillFactory(
        connection=connection,
        stage="invoice",
        skipped={"coupon": "The key lacks a permission: rak_coupon_read."},
        waits_for="Stripe asks to slow down (endpoint-rate).",
        waits_until=timezone.now() + timedelta(seconds=40),
    )
    html = text_of(admin_client.get(BLOCK, headers=HTMX))
    assert "Stripe asks to slow down (endpoint-rate). It goes on by itself" in html
    assert "Coupons were left out.</strong> The key lacks a permission: rak_coupon_read." in html


def test_an_admin_begins_lets_go_on_and_reads_again(workspace: Workspace, admin_client: Client) -> None:
    connection = ConnectionFactory(workspace=workspace)
    assert ">Begin<" in admin_client.get(PAGE).content.decode()
    assert admin_client.post(BLOCK).headers["Location"] == PAGE
    assert [one.stage for one in runs_of(workspace)] == ["customer"]
    admin_client.post(BLOCK)
    assert len(runs_of(workspace)) == 1
    with scoped_transaction(workspace):
        Backfill.objects.update(stage="price", place="price_1@5", failure="Gone.", finished_at=timezone.now())
    assert ">Go on<" in admin_client.get(PAGE).content.decode()
    assert admin_client.post(BLOCK, headers=HTMX).context["backfill"].progress.state == "running"
    ((same),) = runs_of(workspace)
    assert (same.stage, same.place, same.failure, same.finished_at) == ("price", "price_1@5", None, None)
    with scoped_transaction(workspace):
        Backfill.objects.update(stage="", finished_at=timezone.now())
    assert ">Read again<" in admin_client.get(PAGE).content.decode()
    admin_client.post(BLOCK)
    assert [(one.connection_id, one.stage) for one in runs_of(workspace)] == [
        (connection.pk, ""),
        (connection.pk, "customer"),
    ]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_others_cannot_begin(workspace: Workspace, member_client: MemberClient, role: Role) -> None:
    ConnectionFactory(workspace=workspace)
    client = member_client(role)
    assert ">Begin<" not in client.get(PAGE).content.decode()
    assert client.post(BLOCK).status_code == 403
    assert runs_of(workspace) == []


def test_nothing_begins_without_a_connection(workspace: Workspace, admin_client: Client) -> None:
    assert admin_client.post(BLOCK).headers["Location"] == PAGE
    assert runs_of(workspace) == []
    assert "Backfill" not in admin_client.get(PAGE).content.decode()


def test_a_run_of_another_workspace_or_mode_is_not_shown(workspace: Workspace, viewer_client: Client) -> None:
    ConnectionFactory(workspace=workspace)
    other = ConnectionFactory(workspace=WorkspaceFactory(slug="globex"))
    live = ConnectionFactory(workspace=workspace, mode=Mode.LIVE)
    BackfillFactory(connection=other, stage="invoice", counts={"invoice": 77_777})
    BackfillFactory(connection=live, stage="invoice", counts={"invoice": 55_555})
    html = text_of(viewer_client.get(BLOCK, headers=HTMX))
    assert "have not been read yet" in html
    assert "77,777" not in html
    assert "55,555" not in html
    assert viewer_client.get(BLOCK.replace("acme", "globex"), headers=HTMX).status_code == 404


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stripe(settings: Any) -> Iterator[Simulation]:
    with Simulation(seed=9, start=int(timezone.now().timestamp()) - 90 * 86_400) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        account = simulation.account
        product = account.create_product(name="Growth")
        price = account.create_price(product.id, currency="usd", unit_amount=4_900, interval="month")
        for name in ("Ada", "Grace", "Edith"):
            account.subscribe(account.create_customer(name=name).id, [price.id])
        account.advance(int(timezone.now().timestamp()))
        yield simulation


@pytest.fixture
def lane(stripe: Simulation) -> Lane:
    return new_lane(secret_key=stripe.restricted_key)


def call(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("stripe_backfill", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_reads_and_applies_by_itself(lane: Lane, stripe: Simulation) -> None:
    out, _ = call("acme", "--mode", "test", "--wait", "--json")
    document = json.loads(out)
    assert (document["mode"], document["state"], document["failure"]) == ("test", "done", "")
    counts = {line["name"]: line["count"] for line in document["stages"]}
    assert (counts["customer"], counts["subscription"], counts["price"]) == (3, 3, 1)
    with scoped_transaction(lane.workspace):
        recurring = mrr_at(lane.workspace.pk, Mode.TEST, timezone.now())
    assert [(line.mrr.plain(), line.active_subscribers) for line in recurring.currencies] == [("147.00", 3)]
    assert stripe.truth.as_dict()["usd"]["mrr"] == "147.00"


@pytest.mark.django_db(transaction=True)
def test_without_wait_it_begins_and_tells(lane: Lane) -> None:
    with pytest.raises(CommandError, match="Nothing was read yet") as none:
        call("acme", "--mode", "test", "--status")
    assert none.value.returncode == 2
    out, _ = call("acme", "--mode", "test")
    assert out.splitlines()[0].split() == ["0", "Customers", "running"]
    assert out.splitlines()[-1].split() == ["0", "running"]
    assert len(out.splitlines()) == len(STAGES) + 1
    status, _ = call("acme", "--mode", "test", "--status", "--json")
    assert json.loads(status)["state"] == "running"
    assert len(runs_of(lane.workspace)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_told_with_its_remedy_and_exit_code(lane: Lane, stripe: Simulation) -> None:
    stripe.keys.revoke(stripe.restricted_key)
    with pytest.raises(CommandError, match=r"Stripe does not accept the key\. Paste a new key") as failure:
        call("acme", "--mode", "test", "--wait")
    assert failure.value.returncode == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nobody", "--mode", "test"), "There is no workspace 'nobody'."),
        (("acme", "--mode", "live"), "acme is not connected to Stripe in live mode: see stripe_connect --help."),
    ],
)
def test_wrong_usage(workspace: Workspace, words: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError) as failure:
        call(*words)
    assert (str(failure.value), failure.value.returncode) == (told, 2)
