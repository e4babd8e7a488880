"""`manage.py stripe_connect`: input on stdin, output and exit codes for people and programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from billing.modes import Mode
from integrations.models import ConnectionStatus
from integrations.stripe import connections
from integrations.stripe.verification import CHECKS, delivery
from pqintel.simulator.server import USUAL_PERMISSIONS
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from tests.factories import ConnectionFactory, MembershipFactory, UserFactory
from tests.integrations.stage import connection_of, stored, url_of, values_of, working

Run = Callable[..., tuple[int, str]]

GOOD = {
    "publishable_key": "pk_" + "test_" + "p" * 24,
    "secret_key": "rk_" + "test_" + "canary" * 4,
    "webhook_secret": "whsec_" + "w" * 32,
}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with something on its standard input; gives exit code and output."""

    def run(given: object, *words: str, slug: str = "acme", mode: str = "test") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given if isinstance(given, str) else json.dumps(given)))
        out, code = io.StringIO(), 0
        try:
            call_command("stripe_connect", slug, "--mode", mode, *words, stdout=out)
        except SystemExit as end:
            code = int(str(end.code))
        except CommandError as error:
            out.write(str(error))
            code = error.returncode
        return code, out.getvalue()

    return run


# The URL first -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("nothing", ["", " \n", "{}", {"secret_key": ""}])
def test_without_input_it_prints_the_webhook_url(workspace: Workspace, connect: Run, nothing: object) -> None:
    code, out = connect(nothing, "--json", mode="live")
    url = url_of(workspace, Mode.LIVE)
    assert (code, json.loads(out)) == (0, {"mode": "live", "webhook_url": url, "checks": []})
    assert connect(nothing, mode="live") == (0, f"Webhook URL (live mode, itself a secret): {url}\n")
    assert connection_of(workspace, Mode.LIVE).status == ConnectionStatus.NEW


# Wrong input ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{not json canary", "Wrong input: standard input must be one JSON object."),
        ("[]", "Wrong input: standard input must be one JSON object."),
        ('"rk_canary"', "Wrong input: standard input must be one JSON object."),
        (
            {**GOOD, "canary": "x"},
            "Wrong input: only these names are read: publishable_key, secret_key, webhook_secret.",
        ),
        ({"secret_key": 5}, "Wrong input: every value must be a string."),
        ({"secret_key": None}, "Wrong input: every value must be a string."),
    ],
)
def test_wrong_input_is_said_without_quoting_it(workspace: Workspace, connect: Run, given: object, said: str) -> None:
    assert connect(given) == (2, said)


@pytest.mark.django_db
def test_wrong_usage(workspace: Workspace, connect: Run) -> None:
    assert connect(GOOD, slug="nobody") == (2, "There is no workspace 'nobody'.")
    with pytest.raises(CommandError, match="invalid choice: 'prod'"):
        call_command("stripe_connect", "acme", "--mode", "prod")


@pytest.mark.django_db
def test_secrets_are_no_arguments(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command("stripe_connect", "acme", "--mode", "test", "--secret-key", GOOD["secret_key"])


# Formats -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("words", [(), ("--no-verify",)])
def test_wrong_formats_fail_and_store_nothing(workspace: Workspace, connect: Run, words: tuple[str, ...]) -> None:
    code, out = connect({**GOOD, "webhook_secret": "canary", "secret_key": ""}, "--json", *words)
    assert (code, json.loads(out)["checks"]) == (
        1,
        [
            {
                "name": "formats",
                "ok": False,
                "detail": "Secret or restricted key: Needed: it begins rk_test_… or sk_test_… "
                "Signing secret: This is not a key of Stripe. It begins whsec_…",
            },
            {"name": "mode", "ok": True, "detail": ""},
        ],
    )
    assert not connections.has_draft(stored(workspace))


@pytest.mark.django_db
def test_mixed_modes_fail(workspace: Workspace, connect: Run) -> None:
    live = {**GOOD, "publishable_key": GOOD["publishable_key"].replace("_test_", "_live_")}
    code, out = connect(live, "--json")
    assert code == 1
    assert [(check["name"], check["ok"]) for check in json.loads(out)["checks"]] == [("formats", True), ("mode", False)]
    assert not connections.has_draft(stored(workspace))


# Without verification ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_verify_promotes_what_has_the_right_form(workspace: Workspace, connect: Run) -> None:
    code, out = connect(GOOD, "--no-verify", "--json")
    assert (code, json.loads(out)["checks"]) == (
        0,
        [{"name": "formats", "ok": True, "detail": ""}, {"name": "mode", "ok": True, "detail": ""}],
    )
    row = stored(workspace)
    assert (row.status, row.secret_key, row.account_id) == (
        ConnectionStatus.CONNECTED,
        Secret(GOOD["secret_key"]),
        None,
    )
    assert connect({"webhook_secret": "whsec_" + "n" * 32}, "--no-verify")[0] == 0
    row = stored(workspace)
    assert (row.webhook_secret, row.previous_webhook_secret) == (
        Secret("whsec_" + "n" * 32),
        Secret(GOOD["webhook_secret"]),
    )


@pytest.mark.django_db
def test_no_verify_does_not_lift_the_limit(workspace: Workspace, connect: Run) -> None:
    MembershipFactory(workspace=workspace, user=UserFactory(stripe_account_limit=0))
    code, out = connect(GOOD, "--no-verify", "--json")
    check = json.loads(out)["checks"][-1]
    assert (code, check["name"], check["ok"]) == (1, "account", False)
    assert stored(workspace).status == ConnectionStatus.DRAFT


@pytest.mark.django_db
def test_unreadable_credentials(workspace: Workspace, connect: Run, settings: Any) -> None:
    ConnectionFactory(workspace=workspace)
    settings.PQ_KEYS = f"k9:{'9' * 64}"
    assert connect(GOOD) == (
        1,
        (
            "The stored credentials are unreadable: the key that sealed them is not available. "
            "Whoever runs PQ Intel has to put the encryption key back into PQ_KEYS."
        ),
    )


@pytest.mark.django_db
def test_disconnect(workspace: Workspace, connect: Run) -> None:
    connect(GOOD, "--no-verify")
    before = url_of(workspace)
    code, out = connect("not even read", "--disconnect", "--json")
    assert (code, json.loads(out)) == (0, {"mode": "test", "webhook_url": url_of(workspace), "checks": []})
    assert (stored(workspace).status, url_of(workspace) == before) == (ConnectionStatus.NEW, False)


# Verified ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def simulation(workspace: Workspace, live_server: LiveServer, settings: Any) -> Iterator[Simulation]:
    settings.PQ_BASE_URL = live_server.url
    with Simulation(seed=41) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        yield simulation


@pytest.mark.django_db(transaction=True)
def test_connected(workspace: Workspace, connect: Run, simulation: Simulation) -> None:
    with working(workspace):
        code, out = connect(values_of(simulation), "--json")
    document = json.loads(out)
    assert code == 0
    assert {name: document[name] for name in ("mode", "webhook_url")} == {
        "mode": "test",
        "webhook_url": url_of(workspace),
    }
    assert [(check["name"], check["ok"]) for check in document["checks"]] == [(name, True) for name in CHECKS]
    assert sorted(document["checks"][0]) == ["detail", "name", "ok"]
    assert [value for value in values_of(simulation).values() if value in out] == []
    assert stored(workspace).status == ConnectionStatus.CONNECTED


@pytest.mark.django_db(transaction=True)
def test_a_failed_check(
    workspace: Workspace, connect: Run, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WAIT_SECONDS", 0.5)
    code, out = connect(values_of(simulation, secret_key=GOOD["secret_key"]))  # a key that is nobody's, and no worker
    assert code == 1
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == f"Webhook URL (test mode, itself a secret): {url_of(workspace)}"
    assert lines[1:4] == [
        "ok  Key formats",
        "ok  Keys of one mode  Both keys are of test mode.",
        (
            "FAILED  Key accepted by Stripe  Stripe does not accept the secret or restricted key: it is wrong, expired "
            "or deleted. Copy the key again at Stripe, Developers › API keys, or make a new one, and save it here."
        ),
    ]
    assert lines[4].startswith("unknown  Read permissions")
    assert lines[8].startswith(
        "FAILED  Test event processed by a worker  The test event arrived, but no worker has taken"
    )
    assert "canary" not in out
    assert stored(workspace).status == ConnectionStatus.DRAFT


@pytest.mark.django_db(transaction=True)
def test_unknown_is_null(workspace: Workspace, connect: Run, simulation: Simulation) -> None:
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {"rak_webhook_read"})
    with working(workspace):
        code, out = connect(values_of(simulation), "--json")
    assert code == 0
    assert {check["name"]: check["ok"] for check in json.loads(out)["checks"]} == {
        **dict.fromkeys(CHECKS, True),
        "endpoint": None,
    }
