"""Save & Verify as a whole: its steps, and what becomes of the credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus
from integrations.stripe import connections, verification, webhook
from integrations.stripe.events_wanted import REQUIRED_EVENTS
from integrations.stripe.verification import CHECKS, Run, State, Subject
from pqintel.simulator.server import USUAL_PERMISSIONS
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import ConnectionFactory
from tests.integrations.stage import connection_of, sealed, stored, url_of, values_of, working

pytestmark = pytest.mark.django_db(transaction=True)

GREEN = dict.fromkeys(CHECKS, "ok")


@pytest.fixture
def simulation(live_server: LiveServer, settings: Any) -> Iterator[Simulation]:
    """A test account with its API, and our own web server as the public URL."""
    settings.PQ_BASE_URL = live_server.url
    with Simulation(seed=21) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


def begin(workspace: Workspace, given: dict[str, str]) -> Connection:
    with scope(workspace):
        return verification.begin(connections.save_draft(connection_of(workspace), sealed(given)))


def verify(workspace: Workspace, given: dict[str, str]) -> dict[str, str]:
    """Save and verify to the end, with a worker; the state of each line by name."""
    with working(workspace), scope(workspace):
        return states(verification.run_all(begin(workspace, given)))


def states(row: Connection) -> dict[str, str]:
    run = Run.of(row)
    return {line.name: line.state.value for line in run.lines} if run else {}


def line(row: Connection, name: str) -> verification.Line:
    run = Run.of(row)
    assert run is not None
    return next(line for line in run.lines if line.name == name)


def test_all_is_well(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    assert verify(workspace, values_of(simulation)) == GREEN
    row = stored(workspace)
    assert (row.status, row.account_id) == (ConnectionStatus.CONNECTED, simulation.account.id)
    assert row.webhook_secret == Secret(simulation.webhook_secret)
    assert not connections.has_draft(row)


def test_it_goes_line_by_line(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    row = begin(workspace, values_of(simulation))
    assert list(states(row).values()) == ["running", *["pending"] * 7]
    assert row.status == ConnectionStatus.DRAFT
    seen = []
    with working(workspace), scope(workspace):
        while row.next_check:
            seen.append(row.next_check)
            row = verification.run_next(row)
            assert list(states(row).values())[: len(set(seen)) - 1] == ["ok"] * (len(set(seen)) - 1)
    assert list(dict.fromkeys(seen)) == list(CHECKS)
    assert states(row) == GREEN


def test_a_wrong_key(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    wrong = values_of(simulation, secret_key="rk_" + "test_" + "w" * 24)
    assert verify(workspace, wrong) == {
        **GREEN, "key": "failed", "permissions": "unknown", "account": "unknown", "endpoint": "unknown",
    }  # fmt: skip
    row = stored(workspace)
    assert (row.status, row.secret_key) == (ConnectionStatus.DRAFT, None)
    assert row.draft_secret_key == Secret(wrong["secret_key"])


def test_a_missing_permission(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {"rak_coupon_read"})
    assert verify(workspace, values_of(simulation)) == {**GREEN, "permissions": "failed"}
    assert line(stored(workspace), "permissions").detail == "The key may not read: Coupons (rak_coupon_read)."


def test_a_wrong_url_at_stripe(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register("https://old.example/hook")
    assert verify(workspace, values_of(simulation)) == {**GREEN, "endpoint": "failed"}
    assert "they lead to old.example" in line(stored(workspace), "endpoint").detail


def test_unknown_and_warning_do_not_stand_in_the_way(workspace: Workspace, simulation: Simulation) -> None:
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {"rak_webhook_read"})
    assert verify(workspace, values_of(simulation)) == {**GREEN, "endpoint": "unknown"}
    simulation.register(url_of(workspace), enabled_events=tuple(REQUIRED_EVENTS))
    assert verify(workspace, {"secret_key": simulation.secret_key}) == {
        **GREEN,
        "key": "warning",
        "endpoint": "warning",
    }
    assert stored(workspace).secret_key == Secret(simulation.secret_key)


def test_an_account_that_is_connected_elsewhere(workspace: Workspace, simulation: Simulation) -> None:
    ConnectionFactory(account_id=simulation.account.id, mode=Mode.LIVE)
    simulation.register(url_of(workspace))
    assert verify(workspace, values_of(simulation)) == {**GREEN, "account": "failed"}
    assert stored(workspace).status == ConnectionStatus.DRAFT


def test_an_account_that_is_connected_elsewhere_meanwhile(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    with working(workspace), scope(workspace):
        row = begin(workspace, values_of(simulation))
        while row.next_check != "processed":
            row = verification.run_next(row)
    ConnectionFactory(account_id=simulation.account.id)
    with working(workspace), scope(workspace):
        row = verification.run_all(row)
    assert states(row) == {**GREEN, "account": "failed"}
    assert stored(workspace).status == ConnectionStatus.DRAFT


def test_a_failing_draft_leaves_what_works_alone(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    verify(workspace, values_of(simulation))
    assert verify(workspace, {"secret_key": "rk_" + "test_" + "w" * 24})["key"] == "failed"
    row = stored(workspace)
    assert (row.status, row.secret_key) == (ConnectionStatus.CONNECTED, Secret(simulation.restricted_key))
    assert connections.has_draft(row)
    assert verify(workspace, {"secret_key": simulation.secret_key})["key"] == "warning"
    assert stored(workspace).secret_key == Secret(simulation.secret_key)


def test_working_credentials_are_verified_again(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    verify(workspace, values_of(simulation))
    simulation.keys.revoke(simulation.restricted_key)
    assert verify(workspace, {})["key"] == "failed"
    row = stored(workspace)
    assert (row.status, Run.of(row).subject) == (ConnectionStatus.BROKEN, Subject.WORKING)
    simulation.keys.add(simulation.restricted_key)
    assert verify(workspace, {}) == GREEN
    assert stored(workspace).status == ConnectionStatus.CONNECTED


def test_bad_weather_does_not_break_what_works(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    verify(workspace, values_of(simulation))
    simulation.server.stop()
    assert verify(workspace, {})["key"] == "failed"
    row = stored(workspace)
    assert (row.status, line(row, "key").detail) == (ConnectionStatus.CONNECTED, "No connection to Stripe.")


def test_a_new_run_overtakes_an_old_step(workspace: Workspace, simulation: Simulation) -> None:
    old = begin(workspace, values_of(simulation))
    new = begin(workspace, values_of(simulation))
    with scope(workspace):
        after = verification.run_next(old)
    assert Run.of(after) == Run.of(new) == Run.of(stored(workspace))


def test_two_who_step_at_once_do_one_step(workspace: Workspace, simulation: Simulation) -> None:
    row = begin(workspace, values_of(simulation))
    with scope(workspace):
        first, second = verification.run_next(row), verification.run_next(row)
    assert first.next_check == second.next_check == "mode"
    assert Run.of(second).id == Run.of(first).id


def test_nothing_happens_without_a_run_or_after_its_end(workspace: Workspace, simulation: Simulation) -> None:
    simulation.register(url_of(workspace))
    with scope(workspace):
        assert verification.run_next(connection_of(workspace)).next_check == ""
    verify(workspace, values_of(simulation))
    row = stored(workspace)
    with scope(workspace):
        assert verification.run_all(row).checks == row.checks


def test_unreadable_credentials_are_said_to_be_that(
    workspace: Workspace, simulation: Simulation, settings: Any
) -> None:
    row = begin(workspace, values_of(simulation))
    settings.PQ_KEYS = f"k9:{'9' * 64}"
    with scope(workspace):
        row = verification.run_next(row)
    assert line(row, "formats") == verification.Line(
        "formats",
        "Key formats",
        State.FAILED,
        "The stored credentials are unreadable: the key that sealed them is not available.",
        "Whoever runs PQ Intel has to put the encryption key back into PQ_KEYS.",
    )


def test_what_is_kept_of_a_run_holds_no_secret(workspace: Workspace, simulation: Simulation) -> None:
    verify(workspace, values_of(simulation))
    row = stored(workspace)
    secrets = [*values_of(simulation).values(), row.token.reveal()]
    assert [secret for secret in secrets if secret in str(row.checks)] == []


def test_no_transaction_is_open_while_stripe_or_the_public_url_is_asked(
    workspace: Workspace, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at from where it would hurt: by the server, at the moment of each request."""
    simulation.register(url_of(workspace))
    watched: list[bool] = []

    def watching(answer: Callable[..., Any]) -> Callable[..., Any]:
        def answering(*args: Any, **kwargs: Any) -> Any:
            watched.append(someone_idles_in_a_transaction())
            return answer(*args, **kwargs)

        return answering

    monkeypatch.setattr(simulation.api, "answer", watching(simulation.api.answer))
    monkeypatch.setattr("integrations.stripe.webhook.receive", watching(webhook.receive))
    row = begin(workspace, values_of(simulation))
    with scope(workspace):
        while row.next_check != "processed":
            row = verification.run_next(row)
    assert watched == [False] * 13  # the account, ten permissions, the endpoints, the test event


def someone_idles_in_a_transaction() -> bool:
    place = connection.settings_dict
    with psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], password=place["PASSWORD"], dbname=place["NAME"]
    ) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        ).fetchone()
    return row is not None and row[0] > 0
