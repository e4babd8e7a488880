"""Events that are lost for good are told to the team, once, by a rule that is there from the start."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.models import Rule
from billing.actions.gaps import record_gap
from billing.actions.reacting import visit
from integrations.models import Delivery
from pqintel.reactions import REACTIONS
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.alerts.stage import NOON, Stage, at

pytestmark = pytest.mark.django_db(transaction=True)

LOST = (NOON - timedelta(days=40), NOON - timedelta(days=30))


@pytest.fixture
def stage() -> Stage:
    """Of the time before there was such a rule."""
    stage = Stage()
    stage.change(stage.watch, defaults=1)
    return stage


def lose(stage: Stage, now: datetime) -> None:
    with scoped_transaction(stage.workspace):
        record_gap(stage.workspace.pk, stage.mode, *LOST, now)


def react(stage: Stage, now: datetime) -> None:
    with scope(stage.workspace):
        visit(stage.workspace.pk, stage.mode, REACTIONS, lambda: now)


def test_it_is_told_when_it_is_found_and_never_again(stage: Stage) -> None:
    other = Stage()
    lose(stage, at(0))
    react(stage, at(1))
    lose(stage, at(5))
    react(stage, at(6))
    react(other, at(6))
    (message,) = stage.messages()
    assert (message.title, message.severity, message.mode) == ("Events lost", "critical", stage.mode)
    assert message.fields == (("Days", "2026-01-29 to 2026-02-08"),)
    assert message.lines[0] == (
        "Stripe lists events for 30 days; these were not delivered, and could not be read in time."
    )
    assert message.link is not None
    assert message.link.url.endswith(f"/w/{stage.workspace.slug}/test/diagnostics/drift/")
    assert stage.findings() == [("fired", "Events lost", "")]
    assert other.messages() == []
    with scoped_transaction(stage.workspace):
        (row,) = Delivery.objects.all()
    assert row.dedupe_key == f"alert:test:1:pqgap_{int(LOST[0].timestamp())}:sync.gap:stripe"


def test_where_its_rule_was_removed_nobody_is_told(stage: Stage) -> None:
    stage.evaluate(at(0))
    with scoped_transaction(stage.workspace):
        Rule.objects.update(removed_at=at(0), enabled=False)
    lose(stage, at(1))
    react(stage, at(2))
    assert stage.messages() == []
