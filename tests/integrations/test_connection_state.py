"""The part of the Stripe page that says how a connection is doing, and replaces itself when that changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import THEN, ConnectionFactory, RefusedDeliveryFactory

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/w/acme/settings/integrations/stripe/test/state/"


def ask(client: Client, seen: int | str = "") -> Any:
    return client.get(f"{URL}?seen={seen}", headers={"HX-Request": "true"})


def test_nothing_new_is_204_and_a_refusal_is_news(workspace: Workspace, viewer_client: Client) -> None:
    row = ConnectionFactory(workspace=workspace, signing_state="proven", signing_at=THEN)
    first = ask(viewer_client)
    assert (first.status_code, first.context["panel"].signing_state) == (200, "proven")
    seen = first.context["panel"].version
    assert ask(viewer_client, seen).status_code == 204
    RefusedDeliveryFactory(connection=ConnectionFactory(), reason="mismatch", last_at=timezone.now())
    live = ConnectionFactory(workspace=workspace, mode="live")
    RefusedDeliveryFactory(connection=live, reason="mismatch", last_at=timezone.now())
    assert ask(viewer_client, seen).status_code == 204
    RefusedDeliveryFactory(connection=row, reason="mismatch", last_at=timezone.now())
    news = ask(viewer_client, seen)
    assert news.context["panel"].signing_state == "refused"
    assert ask(viewer_client, news.context["panel"].version).status_code == 204


def test_holds_no_secret_and_costs_two_queries_of_its_own(workspace: Workspace, owner_client: Client) -> None:
    row = ConnectionFactory(workspace=workspace)
    with CaptureQueriesContext(connection) as queries:
        html = ask(owner_client).content.decode()
    tables = [q["sql"] for q in queries if "integrations_" in q["sql"]]
    assert len(tables) == 2
    with scope(workspace):
        assert row.token.reveal() not in html


def test_without_htmx_it_is_the_page(workspace: Workspace, viewer_client: Client) -> None:
    answer = viewer_client.get(URL)
    assert (answer.status_code, answer["Location"]) == (302, "/w/acme/settings/integrations/stripe/")
