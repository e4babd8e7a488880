"""Who changed a connection's credentials, and when: a line for each change, never with a value in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command

from integrations.models import Connection, ConnectionChange
from integrations.stripe import connections, verification
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ConnectionFactory

from .stage import connection_of, sealed, url_of, values_of, working

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {
    "publishable_key": "pk_test_" + "a" * 24,
    "secret_key": "rk_test_" + "b" * 24,
    "webhook_secret": "whsec_" + "c" * 24,
}


def told(workspace: Workspace) -> list[tuple[str, list[str], str]]:
    with scoped_transaction(workspace):
        return list(ConnectionChange.objects.order_by("pk").values_list("kind", "fields", "by"))


def test_entering_taking_over_and_disconnecting_are_told(workspace: Workspace) -> None:
    with scope(workspace):
        row = connections.save_draft(connection_of(workspace), sealed(KEYS), by="ada@example.com")
        connections.save_draft(row, {}, by="nobody@example.com")
        row = connections.promote(row, None, by="ada@example.com")
        connections.promote(row, None, by="eve@example.com")  # verified once more: nothing changes
        row = connections.save_draft(row, sealed({"secret_key": "rk_test_" + "d" * 24}), by="bob@example.com")
        row = connections.promote(row, None, by="bob@example.com")
        connections.disconnect(row, by="manage.py")
    assert told(workspace) == [
        ("entered", sorted(KEYS), "ada@example.com"),
        ("connected", sorted(KEYS), "ada@example.com"),
        ("entered", ["secret_key"], "bob@example.com"),
        ("connected", ["secret_key"], "bob@example.com"),
        ("disconnected", [], "manage.py"),
    ]


def test_a_key_that_does_not_work_any_more_is_told_once(workspace: Workspace, settings: Any) -> None:
    with Simulation(seed=7) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        row = ConnectionFactory(workspace=workspace, secret_key="rk_test_" + "x" * 24)
        with scope(workspace):
            for _ in range(2):
                verification.run_all(verification.begin(row), by="ada@example.com")
    assert told(workspace) == [("broken", [], "ada@example.com")]


def test_the_page_names_the_person_and_the_command_itself(
    workspace: Workspace, admin_client: Any, settings: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PQ_BASE_URL = live_server.url
    page = "/w/acme/settings/integrations/stripe/test/verify/"
    with Simulation(seed=8) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        values = values_of(simulation)
        admin_client.post(page, values)
        while connection_of(workspace).next_check:
            admin_client.post(f"{page}step/")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", _Input(json.dumps({"secret_key": values["secret_key"]})))
            call_command("stripe_connect", "acme", "--mode", "test", "--no-verify")
    person = admin_client.get("/w/acme/settings/").context["user"].email
    assert told(workspace) == [
        ("entered", sorted(values), person),
        ("connected", sorted(values), person),
        ("entered", ["secret_key"], "manage.py stripe_connect"),
        ("connected", ["secret_key"], "manage.py stripe_connect"),
    ]
    with scoped_transaction(workspace):
        dump = json.dumps(list(ConnectionChange.objects.values()), default=str)
        assert Connection.objects.get().status == "connected"
    assert [value for value in values.values() if value in dump] == []


class _Input:
    """Standard input that somebody pipes in."""

    def __init__(self, text: str) -> None:
        self.text = text

    def isatty(self) -> bool:
        return False

    def read(self) -> str:
        return self.text
