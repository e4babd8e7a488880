"""Quiet hours of a rule: nothing is said in them; what holds or waits then is told when they are over."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts import machine
from alerts.machine import Reading, Settings, State, Why
from alerts.models import Rule, Watch
from billing.models import HistoryEntry
from billing.quiet import QuietHours, quiet_hours
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories import FailureFactory, HistoryEntryFactory

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"quiet_from": time(13, 30), "quiet_until": time(15, 30)}
"""From half an hour until two and a half hours after noon (UTC), by the clocks of Berlin in winter."""
MORE_THAN_TWO = {"measure": "count", "threshold": "2", "currency": "", "minutes": 180}


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage(timezone="Europe/Berlin")


def fail(stage: Stage, *minutes: float) -> None:
    for minute in minutes:
        stage.made(FailureFactory, happened_at=at(minute))


def paid(stage: Stage, minute: float) -> HistoryEntry:
    when = {"happened_at": at(minute), "learnt_at": at(minute)}
    after = {"amount": 500, "currency": "usd"}
    line: HistoryEntry = stage.made(HistoryEntryFactory, kind="invoice.paid", is_change=False, after=after, **when)
    return line


def looks_again(stage: Stage) -> datetime | None:
    with scoped_transaction(stage.workspace):
        return Watch.objects.get(workspace=stage.workspace, mode=stage.mode).next_at


def event_rule(stage: Stage, **more: Any) -> Rule:
    params = {"kinds": ["invoice.paid"], "minimums": {}, "tier": "", "customer": ""}
    return stage.rule("event", params, **NIGHT, **more)


def test_what_still_holds_is_told_when_they_end(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_TWO, **NIGHT)
    fail(stage, 20, 31, 32)
    stage.evaluate(at(33))
    stage.evaluate(at(60))
    assert stage.findings() == [("suppressed", "3 payments failed within 3 hours", Why.QUIET)]
    stage.evaluate(at(120))
    assert (stage.messages(), looks_again(stage)) == ([], at(150))
    stage.evaluate(at(151))
    assert stage.titles() == ["3 payments failed within 3 hours"]
    assert stage.course(rule) == [(at(32), "suppressed"), (at(150), "fired")]


def test_what_is_over_by_then_is_not_told(stage: Stage) -> None:
    stage.rule("payment_failures", {**MORE_THAN_TWO, "minutes": 30}, **NIGHT)
    fail(stage, 40, 41, 42)
    stage.evaluate(at(43))
    stage.evaluate(at(160))
    assert [(outcome, reason) for outcome, _, reason in stage.findings()] == [
        ("suppressed", Why.QUIET),
        ("recovered", Why.NEVER_SAID),
    ]
    assert stage.messages() == []


def test_what_happens_in_them_is_told_together_afterwards(stage: Stage) -> None:
    rule = event_rule(stage)
    stage.hear(at(29), paid(stage, 29))
    for minute in (31, 90, 149.9):
        stage.hear(at(minute), paid(stage, minute))
    stage.hear(at(150), paid(stage, 150))
    stage.evaluate(at(152))
    assert stage.titles() == ["Invoice paid", "3 events in the quiet hours", "Invoice paid"]
    assert stage.messages()[1].lines == ("Together $15.00.",)
    assert stage.course(rule) == [
        (at(29), "fired"),
        (at(31), "suppressed"),
        (at(90), "suppressed"),
        (at(149.9), "suppressed"),
        (at(150), "fired"),
        (at(150), "fired"),
    ]


@pytest.mark.parametrize(
    ("state", "titles"),
    [
        ("sent", ["1 event in the quiet hours"]),
        ("failed", ["1 event in the quiet hours", "Invoice paid"]),
    ],
)
def test_what_is_told_of_them_begins_the_cooldown_if_it_was_delivered(
    stage: Stage, state: str, titles: list[str]
) -> None:
    event_rule(stage, cooldown_seconds=3_600)
    stage.hear(at(31), paid(stage, 31))
    stage.evaluate(at(150))
    stage.sent(state)
    stage.hear(at(209), paid(stage, 209))
    assert stage.titles() == titles
    stage.sent()
    stage.hear(at(270), paid(stage, 270))
    assert stage.titles() == [*titles, "Invoice paid"]


def test_their_end_wakes_somebody(stage: Stage) -> None:
    event_rule(stage)
    stage.evaluate(at(30))
    stage.hear(at(140), paid(stage, 140))
    assert looks_again(stage) == at(90)  # somebody looks every hour anyway
    stage.evaluate(at(141))
    assert looks_again(stage) == at(150)
    stage.evaluate(at(150))
    assert stage.titles() == ["1 event in the quiet hours"]


def test_they_hold_though_the_rule_would_cool_down_or_has_no_channel() -> None:
    quiet = QuietHours(time(0), time(1), ZoneInfo("UTC"))
    night = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
    met = Reading(machine.Decimal(3), machine.Decimal(2))
    for settings in (Settings(quiet=quiet, channels=False), Settings(quiet=quiet, cooldown=timedelta(days=1))):
        _, (decision,) = machine.step(State(cooling_from=night), met, settings, night)
        assert decision.reason == Why.QUIET


@pytest.mark.parametrize(
    ("at", "over"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # clocks skip 2:30
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 45, tzinfo=UTC), datetime(2026, 10, 25, 0, 45, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 15, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # 2:15 once more
    ],
)
def test_where_clocks_change_they_end_by_the_clocks_on_the_wall(at: datetime, over: datetime) -> None:
    quiet = QuietHours(time(1), time(2, 30), BERLIN)
    assert quiet.over(at) == over


def test_without_both_times_there_are_none() -> None:
    assert quiet_hours(None, time(7), BERLIN) is quiet_hours(time(22), None, BERLIN) is None
