"""`manage.py alerts_evaluate`: judges now, says how each rule stands, refuses where there is nothing to judge."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from tests.alerts.stage import Stage, at
from tests.factories import FailureFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

PARAMS = {"measure": "count", "threshold": "1", "currency": "", "minutes": 60}


def run(*arguments: str) -> str:
    out = StringIO()
    with time_machine.travel(at(10), tick=False):
        call_command("alerts_evaluate", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def stage() -> Stage:
    stage = Stage(slug="acme")
    stage.rule("payment_failures", PARAMS, number=3, name="Failures")
    stage.rule("payment_failures", PARAMS, number=4, name="Unheard", enabled=False)
    for minute in (1, 2):
        stage.made(FailureFactory, happened_at=at(minute))
    return stage


def test_it_prints_how_each_rule_stands(stage: Stage) -> None:
    assert run("acme", "--mode", "test").splitlines() == [
        "  3  firing   since 2026-03-10 12:02 UTC  Failures",
        "  4  off       Unheard",
        "2 findings; 1 messages.",
    ]
    assert run("acme", "--mode", "test").splitlines()[-1] == "0 findings; 0 messages."
    assert stage.titles() == ["2 payments failed within an hour"]


def test_as_json(stage: Stage) -> None:
    found: dict[str, Any] = json.loads(run("acme", "--mode", "test", "--json"))
    assert (found["findings"], found["messages"]) == (2, 1)
    assert [(rule["state"], rule["since"] is None) for rule in found["rules"]] == [("firing", False), ("off", True)]
    assert found["rules"][0] == {
        "number": 3,
        "name": "Failures",
        "kind": "payment_failures",
        "summary": "More than 1 payment failed within an hour",
        "state": "firing",
        "since": "2026-03-10T12:02:00+00:00",
        "silenced_until": None,
        "muted": False,
    }


def test_where_stripe_is_not_connected_it_says_so() -> None:
    WorkspaceFactory(slug="new")
    with pytest.raises(CommandError, match="Stripe is not connected in live mode") as refusal:
        run("new", "--mode", "live")
    assert refusal.value.returncode == 1


def test_an_unknown_workspace_is_refused() -> None:
    with pytest.raises(CommandError):
        run("nobody", "--mode", "test")
