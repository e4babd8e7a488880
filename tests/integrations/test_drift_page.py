"""Diagnostics: comparing now, and the differences that were found."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.modes import Mode
from integrations.models import Reconciliation
from integrations.stripe import recovery
from integrations.stripe.reconcile import report
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import (
    BackfillFactory,
    ConnectionFactory,
    DriftFactory,
    GapFactory,
    PriceFactory,
    ProductFactory,
    ReconciliationFactory,
    RecoveryFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

PAGE = "/w/acme/test/diagnostics/drift/"
CARD = "/w/acme/test/diagnostics/reconciliation/"
BEGIN = "/w/acme/test/diagnostics/reconcile/"
HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}


def runs(workspace: Workspace) -> list[Reconciliation]:
    with scoped_transaction(workspace):
        return list(Reconciliation.objects.order_by("pk"))


def test_compare_now_begins_one_run(workspace: Workspace, admin_client: Client) -> None:
    ConnectionFactory(workspace=workspace)
    answer = admin_client.post(BEGIN)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    (run,) = runs(workspace)
    assert (run.mode, run.repairs, run.finished_at) == (Mode.TEST, True, None)
    assert "@example.com" in run.asked_by
    page = admin_client.get(PAGE).content.decode()
    assert "Reading missed events" in page
    assert f"asked for by {run.asked_by}" in page
    assert "Compare now" not in page
    assert admin_client.post(BEGIN, **HTMX).status_code == 200
    assert len(runs(workspace)) == 1


def test_the_card_answers_itself_and_asks_again_only_while_a_run_goes_on(
    workspace: Workspace, admin_client: Client
) -> None:
    stripe = ConnectionFactory(workspace=workspace)
    begun = admin_client.post(BEGIN, **HTMX).content.decode()
    assert begun.lstrip().startswith("<section")
    assert f'hx-get="{CARD}"' in begun
    with scoped_transaction(workspace):
        Reconciliation.objects.update(finished_at=timezone.now())
    ended = admin_client.get(CARD).content.decode()
    assert "hx-get" not in ended
    assert f'hx-post="{BEGIN}"' in ended
    assert stripe.pk


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_without_a_connection_it_says_what_to_do(
    workspace: Workspace, admin_client: Client, headers: dict[str, Any]
) -> None:
    answer = admin_client.post(BEGIN, follow=True, **headers)
    assert "Stripe is not connected here" in answer.content.decode()
    assert runs(workspace) == []


def test_while_the_account_is_read_for_the_first_time_nothing_is_compared(
    workspace: Workspace, admin_client: Client
) -> None:
    reading = BackfillFactory(connection=ConnectionFactory(workspace=workspace), finished_at=None, failure=None)
    assert "still being read" in admin_client.post(BEGIN, **HTMX).content.decode()
    assert runs(workspace) == []
    with scoped_transaction(workspace):
        reading.finished_at = timezone.now()
        reading.save()
    admin_client.post(BEGIN)
    assert len(runs(workspace)) == 1


def test_times_and_amounts_are_told_as_people_read_them(workspace: Workspace, viewer_client: Client) -> None:
    run = ReconciliationFactory(connection=ConnectionFactory(workspace=workspace))
    DriftFactory(reconciliation=run, field="amount_paid", ours=0, theirs=4900)
    DriftFactory(
        reconciliation=run, kind="subscription", field="cancel_at", ours=None, theirs=1_790_000_000, amount=None
    )
    told = [(line.field, line.ours, line.theirs) for line in viewer_client.get(PAGE).context["drifts"]]
    assert told == [("Ends at", "nothing", "21 Sep 2026, 14:13:20 UTC"), ("Amount paid", "$0.00", "$49.00")]


def test_viewers_see_and_cannot_begin(workspace: Workspace, viewer_client: Client) -> None:
    ConnectionFactory(workspace=workspace)
    assert "Compare now" not in viewer_client.get(PAGE).content.decode()
    assert viewer_client.post(BEGIN).status_code == 403
    assert runs(workspace) == []


def test_differences_are_shown_with_both_values_and_amounts(workspace: Workspace, viewer_client: Client) -> None:
    run = ReconciliationFactory(connection=ConnectionFactory(workspace=workspace), counts={"invoice": 3, "customer": 2})
    PriceFactory(
        workspace=workspace, stripe_id="price_1", product=ProductFactory(workspace=workspace, name="Team").stripe_id
    )
    DriftFactory(reconciliation=run, object_id="in_one")
    DriftFactory(reconciliation=run, object_id="in_two", field="", ours="present", theirs=None, amount=Decimal(-700))
    DriftFactory(
        reconciliation=run,
        kind="subscription",
        object_id="sub_one",
        field="items",
        ours=[{"id": "si_1", "price": "price_1", "quantity": 1}],
        theirs=[{"id": "si_1", "price": "price_1", "quantity": 3}],
        amount=Decimal("9800.333333333333333333"),
        repaired_at=timezone.now(),
    )
    page = viewer_client.get(PAGE)
    assert [
        (line.label, line.object_id, line.field, line.ours, line.theirs, line.monthly)
        for line in page.context["drifts"]
    ] == [
        ("Subscription", "sub_one", "Items", "Team, monthly", "Team, monthly × 3", True),
        ("Invoice", "in_two", "", "present", "missing", False),
        ("Invoice", "in_one", "Status", "open", "paid", False),
    ]
    assert 'href="/w/acme/test/invoices/in_one/"' in page.content.decode()
    text = " ".join(page.content.decode().split())
    assert "$98.00 a month" in text
    assert "\N{MINUS SIGN}$7.00" in text
    assert "3 found, 1 repaired" in text
    assert "about $154.00" in text  # 49.00 + 7.00 + 98.00: sizes, so that they never cancel out
    assert "3 invoices" in text


def test_what_differs_is_text_and_never_markup(workspace: Workspace, viewer_client: Client) -> None:
    run = ReconciliationFactory(connection=ConnectionFactory(workspace=workspace))
    DriftFactory(
        reconciliation=run, field="name", object_id="in a strange/id", ours="<b>x</b>", theirs="=1+1", amount=None
    )
    page = viewer_client.get(PAGE).content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page


def test_other_workspaces_and_the_other_mode_stay_out(workspace: Workspace, viewer_client: Client) -> None:
    other = ConnectionFactory(workspace=WorkspaceFactory())
    live = ConnectionFactory(workspace=workspace, mode=Mode.LIVE)
    for stripe in (other, live):
        DriftFactory(reconciliation=ReconciliationFactory(connection=stripe), object_id="in_leaked")
        RecoveryFactory(connection=stripe, found=99)
        GapFactory(connection=stripe)
    page = viewer_client.get(PAGE).content.decode()
    assert "in_leaked" not in page
    assert "Not compared yet." in page
    with scoped_transaction(workspace):
        told = recovery.status(workspace.pk, Mode.TEST)
    assert (told.connected, told.found, told.gaps) == (False, 0, ())


def test_pages_by_key(workspace: Workspace, viewer_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", 2)
    run = ReconciliationFactory(connection=ConnectionFactory(workspace=workspace))
    rows = [DriftFactory(reconciliation=run) for _ in range(3)]
    first = viewer_client.get(PAGE)
    assert [line.pk for line in first.context["drifts"]] == [rows[2].pk, rows[1].pk]
    assert first.context["older"] == rows[1].pk
    older = viewer_client.get(f"{PAGE}?before={rows[1].pk}")
    assert [line.pk for line in older.context["drifts"]] == [rows[0].pk]
    assert older.context["older"] is None
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert viewer_client.get(f"{PAGE}?before={nonsense}").status_code == 200


def test_statements_do_not_grow_with_differences(workspace: Workspace, viewer_client: Client) -> None:
    run = ReconciliationFactory(connection=ConnectionFactory(workspace=workspace))

    def statements(more: int) -> int:
        for _ in range(more):
            DriftFactory(reconciliation=run)
        with CaptureQueriesContext(connection) as queries:
            viewer_client.get(PAGE)
        return len(queries)

    viewer_client.get(PAGE)
    assert statements(1) == statements(20) < 25


def test_recovery_tells_that_it_is_late(workspace: Workspace) -> None:
    stripe = ConnectionFactory(workspace=workspace)
    row = RecoveryFactory(connection=stripe, due_at=timezone.now() - timedelta(minutes=29))
    with scoped_transaction(workspace):
        assert not recovery.status(workspace.pk, Mode.TEST).late
        row.due_at -= timedelta(minutes=2)
        row.save()
        assert recovery.status(workspace.pk, Mode.TEST).late
