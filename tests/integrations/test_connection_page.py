"""Settings › Integrations › Stripe: who sees what, what is said about mistakes, and the way to green line by line."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus, RefusedDelivery, SigningState
from integrations.stripe import connections
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.conftest import MemberClient
from tests.factories import ConnectionFactory, RefusedDeliveryFactory, WorkspaceFactory
from tests.integrations.stage import connection_of, stored, url_of, values_of, working

PAGE = "/w/acme/settings/integrations/stripe/"
VERIFY, STEP = f"{PAGE}test/verify/", f"{PAGE}test/verify/step/"
HTMX = {"HX-Request": "true"}
GOOD = {
    "publishable_key": "pk_" + "test_" + "p" * 24,
    "secret_key": "rk_" + "test_" + "r" * 20 + "wxyz",
    "webhook_secret": "whsec_" + "w" * 32,
}


def connections_of(workspace: Workspace) -> list[Connection]:
    with scoped_transaction(workspace):
        return list(Connection.objects.order_by("mode"))


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


# Looking -------------------------------------------------------------------------------------------------------------


def test_urls_are_those_that_were_agreed() -> None:
    assert reverse("integrations:stripe", args=["acme"]) == PAGE
    assert reverse("integrations:stripe_verify", args=["acme", Mode.TEST]) == VERIFY
    assert reverse("integrations:stripe_step", args=["acme", "test"]) == STEP


def test_an_admin_sees_both_sides_with_url_and_form(workspace: Workspace, admin_client: Client) -> None:
    response = admin_client.get(PAGE)
    assert response.status_code == 200
    assert [(panel.mode, panel.can_edit, panel.status) for panel in response.context["panels"]] == [
        ("test", True, "not connected"),
        ("live", True, "not connected"),
    ]
    html = response.content.decode()
    for row in connections_of(workspace):
        assert connections.webhook_url(row) in html
        for name in GOOD:
            assert f'id="{row.mode}_{name}"' in html
    assert "no-store" in response["Cache-Control"]
    assert html.count('type="password"') == 6
    assert "invoice.payment_failed" in html
    assert response.context["nav"].mode is None


def test_looking_twice_changes_no_url(workspace: Workspace, admin_client: Client) -> None:
    admin_client.get(PAGE)
    before = [bytes(row.token_hash) for row in connections_of(workspace)]
    admin_client.get(PAGE)
    assert [bytes(row.token_hash) for row in connections_of(workspace)] == before
    assert len(before) == 2


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_others_see_how_it_stands_and_nothing_to_use(
    workspace: Workspace, member_client: MemberClient, role: Role
) -> None:
    row = ConnectionFactory(workspace=workspace)
    response = member_client(role).get(PAGE)
    html = response.content.decode()
    assert [(panel.mode, panel.can_edit, panel.status, panel.form) for panel in response.context["panels"]] == [
        ("test", False, "connected", None),
        ("live", False, "not connected", None),
    ]
    assert row.token.reveal() not in html
    assert "password" not in html
    assert len(connections_of(workspace)) == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
@pytest.mark.parametrize("url", [VERIFY, STEP])
def test_others_may_not_change_anything(
    workspace: Workspace, member_client: MemberClient, role: Role, url: str
) -> None:
    assert member_client(role).post(url, GOOD).status_code == 403
    assert connections_of(workspace) == []


def test_strangers_find_nothing(owner_client: Client, client: Client) -> None:
    WorkspaceFactory(slug="other")
    assert owner_client.get(PAGE.replace("acme", "other")).status_code == 404
    for url in (VERIFY, STEP):
        assert owner_client.post(url.replace("acme", "other"), GOOD).status_code == 404
    assert client.get(PAGE).status_code == 302


def test_methods_and_modes(admin_client: Client) -> None:
    assert admin_client.get(VERIFY).status_code == 405
    assert admin_client.get(STEP).status_code == 405
    assert admin_client.post(PAGE).status_code == 405
    assert admin_client.post(VERIFY.replace("/test/", "/prod/")).status_code == 404


def test_a_forged_post_is_refused(workspace: Workspace, admin_client: Client) -> None:
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = admin_client.cookies
    assert forged.post(VERIFY, GOOD).status_code == 403
    assert connections_of(workspace) == []


# Saving --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"secret_key": "nonsense-canary"}, "This is not a key of Stripe. It begins rk_test_… or sk_test_…"),
        (
            {"secret_key": "rk_" + "live_" + "canary" * 4},
            "This is a live mode key, and this is the test mode connection.",
        ),
        (
            {"publishable_key": "sk_" + "test_" + "canary" * 4},
            "This is a secret key. What belongs here begins pk_test_…",
        ),
        ({"webhook_secret": ""}, "Needed: it begins whsec_…"),
    ],
)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_mistakes_are_said_at_the_field_and_nothing_is_stored_or_echoed(
    workspace: Workspace, admin_client: Client, typed: dict[str, str], said: str, headers: dict[str, str]
) -> None:
    response = admin_client.post(VERIFY, {**GOOD, **typed}, headers=headers)
    assert response.status_code == 422
    html = text_of(response)
    assert said in html
    assert html.count('class="field-errors"') == 1
    assert ("<html" in html) is not headers
    assert "canary" not in html
    assert [value for value in GOOD.values() if value in html] == []
    row = stored(workspace)
    assert (row.status, connections.has_draft(row)) == (ConnectionStatus.NEW, False)
    assert "no-store" in response["Cache-Control"]


def test_a_whole_page_of_mistakes_is_a_page_of_no_mode(admin_client: Client) -> None:
    response = admin_client.post(VERIFY, {})
    assert (response.status_code, response.context["nav"].mode) == (422, None)
    assert [panel.mode for panel in response.context["panels"]] == ["test", "live"]


def test_good_values_become_a_draft_and_the_checks_begin(workspace: Workspace, admin_client: Client) -> None:
    response = admin_client.post(VERIFY, GOOD, headers=HTMX)
    assert response.status_code == 200
    html = text_of(response)
    assert 'id="stripe-test"' in html
    assert "<html" not in html
    assert f'hx-post="{STEP}"' in html
    assert [value for value in GOOD.values() if value in html] == []
    assert "rk_" + "test_…wxyz" in html
    assert f"fingerprint {hashlib.sha256(GOOD['webhook_secret'].encode()).hexdigest()[:8]}" in html
    row = stored(workspace)
    assert (row.status, row.next_check, row.secret_key) == (ConnectionStatus.DRAFT, "formats", None)
    assert row.draft_secret_key.reveal() == GOOD["secret_key"]


def test_what_was_saved_need_not_be_typed_again(workspace: Workspace, admin_client: Client) -> None:
    admin_client.post(VERIFY, GOOD, headers=HTMX)
    new = "rk_" + "test_" + "n" * 24
    assert admin_client.post(VERIFY, {"secret_key": f" {new} "}, headers=HTMX).status_code == 200
    row = stored(workspace)
    assert {name: secret.reveal() for name, secret in connections.candidates(row).items() if secret} == {
        **GOOD,
        "secret_key": new,
    }


def test_without_javascript_every_post_leads_back_to_the_page(workspace: Workspace, admin_client: Client) -> None:
    assert admin_client.post(VERIFY, GOOD)["Location"] == PAGE
    page = text_of(admin_client.get(PAGE))
    assert "<noscript><button" in page
    assert "Continue with the next check" in page
    assert admin_client.post(STEP)["Location"] == PAGE
    assert stored(workspace).next_check == "mode"


def test_a_step_without_a_run_shows_the_panel(workspace: Workspace, admin_client: Client) -> None:
    response = admin_client.post(STEP, headers=HTMX)
    assert (response.status_code, response.context["panel"].checks) == (200, [])


def test_the_free_plan_connects_nothing(workspace: Workspace, admin_client: Client, settings: Any) -> None:
    settings.PQ_HOUSE_WORKSPACE = "house"
    workspace.trial_ends_at = timezone.now() - timedelta(days=1)
    workspace.save()
    response = admin_client.post(VERIFY, GOOD, headers=HTMX)
    assert response.status_code == 422
    assert "Connecting Stripe needs the Growth plan." in text_of(response)
    assert not connections.has_draft(stored(workspace))


def test_unreadable_credentials_are_said_and_break_nothing(
    workspace: Workspace, admin_client: Client, settings: Any
) -> None:
    ConnectionFactory(workspace=workspace)
    settings.PQ_KEYS = f"k9:{'9' * 64}"
    for response in (
        admin_client.get(PAGE),
        admin_client.post(VERIFY, GOOD, headers=HTMX),
        admin_client.post(STEP, headers=HTMX),
    ):
        assert response.status_code == 200
        html = text_of(response)
        assert "The stored credentials are unreadable: the key that sealed them is not available." in html
        assert "Broken" in html
        assert 'id="test_secret_key"' not in html


# The signing secret --------------------------------------------------------------------------------------------------


def test_signing_secret_from_unproven_over_proven_to_refused(workspace: Workspace, admin_client: Client) -> None:
    now = timezone.now()
    row = ConnectionFactory(workspace=workspace)

    def signing() -> tuple[str | None, str]:
        panel = admin_client.get(PAGE).context["panels"][0]
        return panel.signing_state, panel.signing_detail[:40]

    assert signing() == ("unproven", "No delivery of Stripe's has arrived with")
    with scoped_transaction(workspace):
        Connection.objects.filter(pk=row.pk).update(signing_state=SigningState.PROVEN, signing_at=now)
    assert signing() == ("proven", "A delivery of Stripe's was verified with")
    RefusedDeliveryFactory(connection=row, reason="mismatch", hour=now, last_at=now - timedelta(minutes=1), count=2)
    assert signing()[0] == "proven"
    with scoped_transaction(workspace):
        RefusedDelivery.objects.update(last_at=now + timedelta(seconds=1))
    assert signing() == ("refused", "A delivery was signed with another secre")
    RefusedDeliveryFactory(connection=row, reason="stale", hour=now, last_at=now - timedelta(hours=3), count=7)
    RefusedDeliveryFactory(connection=row, reason="future", hour=now, last_at=now - timedelta(days=8), count=9)
    response = admin_client.get(PAGE)
    assert [(refused.reason[:34], refused.count) for refused in response.context["panels"][0].refused] == [
        ("The signature does not match the s", 2),
        ("Signed more than 5 minutes before:", 7),
    ]
    assert "Deliveries were refused" in text_of(response)


def test_there_is_no_signing_state_without_a_secret(admin_client: Client) -> None:
    assert [panel.signing_state for panel in admin_client.get(PAGE).context["panels"]] == [None, None]


# The whole way -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_from_paste_to_connected(
    workspace: Workspace, admin_client: Client, live_server: LiveServer, settings: Any
) -> None:
    settings.PQ_BASE_URL = live_server.url
    with Simulation(seed=31) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        values = values_of(simulation)
        response = admin_client.post(VERIFY, values, headers=HTMX)
        shown = [len([1 for check in response.context["panel"].checks if check["state"] == "ok"])]
        while response.context["panel"].next_step:
            response = admin_client.post(STEP, headers=HTMX)
            shown.append(len([1 for check in response.context["panel"].checks if check["state"] == "ok"]))
    assert list(dict.fromkeys(shown)) == list(range(9))
    html = text_of(response)
    assert 'data-announce="Test mode: connected."' in html
    assert [value for value in values.values() if value in html] == []
    panel = admin_client.get(PAGE).context["panels"][0]
    assert (panel.status, panel.signing_state, panel.last_delivery_at) == ("connected", "unproven", None)
    assert panel.connected_at == connection_of(workspace).connected_at
