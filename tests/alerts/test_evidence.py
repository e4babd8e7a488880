"""Diagnostics hear of rules that were kept quiet, and of what nobody chose to keep back."""

from __future__ import annotations

import pytest

from alerts.evidence import why_not_told
from alerts.machine import Why
from billing.modes import Mode
from integrations.diagnostics.above import told_from_above
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories_alerts import FindingFactory, RuleFactory

pytestmark = pytest.mark.django_db


def told(stage: Stage) -> list[str]:
    with scoped_transaction(stage.workspace):
        found = list(why_not_told(stage.workspace.pk, stage.mode, at(60)))
        assert set(found) <= set(told_from_above(stage.workspace.pk, stage.mode, at(60)))
    return [finding.text for finding in found]


def test_what_is_silenced_muted_or_kept_back_is_named() -> None:
    stage = Stage()
    quiet = stage.rule("quarantine", name="Quiet", silenced_until=at(120))
    stage.rule("quarantine", name="Over", silenced_until=at(30))
    stage.rule("quarantine", name="Muted", test_mode=True)
    off = stage.rule("quarantine", name="Off", enabled=False)
    for reason, count in (("No channel to send it to.", 2), ("No channel to send it to.", 1), ("Silenced.", 5)):
        FindingFactory(rule=quiet, outcome="skipped", reason=reason, count=count, recorded_at=at(0))
    FindingFactory(rule=quiet, outcome="suppressed", reason=Why.QUIET, count=4, recorded_at=at(0))
    FindingFactory(rule=off, outcome="skipped", reason=Why.OFF, count=6, recorded_at=at(-60))
    FindingFactory(rule=quiet, outcome="skipped", reason="Of long ago", recorded_at=at(-8 * 1440))
    FindingFactory(rule=RuleFactory(workspace=stage.workspace, mode=Mode.LIVE), outcome="skipped", reason="Live")
    FindingFactory(outcome="skipped", reason="Of another workspace", recorded_at=at(0))
    assert told(stage) == [
        "The rule “Quiet” is silenced until 2026-03-10 14:00 UTC.",
        "The rule “Muted” is muted: what it finds is written down and not sent.",
        "Not told, 3 times in a week, the last 60 min ago: No channel to send it to.",
        "Not told, 6 times in a week, the last 2 h ago: The rule is off.",
    ]


def test_rules_that_are_all_off() -> None:
    stage = Stage()
    assert told(stage) == []
    stage.rule("quarantine", enabled=False)
    assert told(stage) == ["Every alert rule is off."]
