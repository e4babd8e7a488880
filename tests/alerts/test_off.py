"""A rule that is off says nothing; what it would have said stands in the history as skipped, each once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import roster
from alerts.models import Rule
from billing.failures import PAYMENT_FAILED
from billing.models import HistoryEntry
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, Stage, at
from tests.factories import FailureFactory, HistoryEntryFactory

pytestmark = pytest.mark.django_db

OFF = "The rule is off."
MORE_THAN_TWO = {"measure": "count", "threshold": "2", "currency": "", "minutes": 60}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def fail(stage: Stage, *minutes: float) -> list[HistoryEntry]:
    found = []
    for minute in minutes:
        row = stage.made(FailureFactory, happened_at=at(minute), customer=f"cus_{minute}", amount=100)
        found.append(
            stage.made(
                HistoryEntryFactory,
                kind=PAYMENT_FAILED,
                is_change=False,
                event_id=row.payment_event,
                customer=row.customer,
                happened_at=at(minute),
                learnt_at=at(minute),
            )
        )
    return found


def switch(rule: Rule, on: bool, minute: float) -> None:
    with scoped_transaction(rule.workspace_id):
        roster.enable(rule, on, by="ada@example.com", now=at(minute))


def test_what_a_threshold_would_have_said_is_skipped_once_for_each_time(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_TWO, enabled=False)
    fail(stage, 1, 2, 3, 4)
    assert stage.evaluate(at(5)).messages == 0
    stage.evaluate(at(6))
    fail(stage, 200, 201, 202)
    stage.evaluate(at(203))
    stage.evaluate(at(400))
    assert stage.findings() == [("skipped", "3 payments failed within an hour", OFF)] * 2
    assert stage.course(rule) == [(at(3), "skipped"), (at(202), "skipped")]
    assert stage.messages() == []


def test_its_cooldown_and_its_quiet_hours_count_as_if_it_spoke(stage: Stage) -> None:
    cooling = stage.rule("payment_failures", MORE_THAN_TWO, enabled=False, cooldown_seconds=10_800)
    muted = stage.rule("payment_failures", MORE_THAN_TWO, enabled=False, test_mode=True, silenced_until=at(999))
    quiet = stage.rule(
        "payment_failures", MORE_THAN_TWO, enabled=False, quiet_from=at(100).time(), quiet_until=at(210).time()
    )
    fail(stage, 1, 2, 3, 170, 171, 172)
    stage.evaluate(at(300))
    assert stage.course(cooling) == [(at(3), "skipped"), (at(183), "skipped")]
    assert stage.course(muted) == [(at(3), "skipped"), (at(172), "skipped")]
    assert stage.course(quiet) == [(at(3), "skipped"), (at(210), "skipped")]


def test_without_a_channel_the_reason_is_still_that_it_is_off(stage: Stage) -> None:
    stage.change(stage.channel, removed_at=NOON)
    stage.rule("payment_failures", MORE_THAN_TWO, enabled=False)
    fail(stage, 1, 2, 3)
    stage.evaluate(at(5))
    assert stage.findings() == [("skipped", "3 payments failed within an hour", OFF)]


def test_what_happens_is_skipped_in_groups(stage: Stage) -> None:
    stage.rule("payment_failed", {"minimums": {}}, enabled=False)
    stage.rule("payment_failed", {"minimums": {"usd": "9"}}, enabled=False)
    lines = fail(stage, *(n / 60 for n in range(8)))
    stage.hear(at(0.5), *lines)
    assert stage.findings() == [("skipped", "Payment of $1.00 failed: cus_0.0", OFF)]
    stage.evaluate(at(2))
    assert stage.findings()[1:] == [("skipped", "And 3 more failed payments within a minute", OFF)]
    assert stage.messages() == []


def test_what_is_learnt_too_late_is_nothing_it_would_have_said(stage: Stage) -> None:
    stage.rule("payment_failed", {"minimums": {}}, enabled=False)
    (line,) = fail(stage, -5000)
    line.learnt_at = at(0)
    stage.hear(at(0), line)
    assert stage.findings() == []


def test_once_it_is_on_it_speaks_of_what_holds(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_TWO, enabled=False, cooldown_seconds=86_400)
    fail(stage, 1, 2, 3)
    stage.evaluate(at(5))
    switch(rule, True, 6)
    stage.evaluate(at(7))
    assert stage.titles() == ["3 payments failed within an hour"]


def test_a_cooldown_that_a_message_began_outlasts_being_off(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_TWO, cooldown_seconds=86_400)
    fail(stage, 1, 2, 3)
    stage.evaluate(at(5))
    stage.sent()
    switch(rule, False, 6)
    stage.evaluate(at(7))
    switch(rule, True, 8)
    stage.evaluate(at(9))
    assert len(stage.titles()) == 1
    assert stage.again(rule).cooling_from == at(3)


def test_it_costs_no_more_than_one_that_is_on(stage: Stage) -> None:
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("payment_failures", MORE_THAN_TWO),
        ("churn_rate", {"threshold": "10", "minimum": 20}),
        ("payment_failed", {"minimums": {}}),
        ("stale_sync", {"minutes": 30}),
    ]
    rules = [stage.rule(kind, params) for kind, params in kinds]
    stage.evaluate(at(1))

    def statements(minute: float) -> int:
        with CaptureQueriesContext(connection) as queries:
            stage.evaluate(at(minute))
        return len(queries)

    on = statements(2)
    for rule in rules:
        switch(rule, False, 3)
    stage.evaluate(at(4))
    assert statements(5) <= on


def test_another_workspace_and_the_other_mode_are_no_affair_of_it(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_TWO, enabled=False)
    other = Stage()
    fail(other, 1, 2, 3)
    stage.evaluate(at(5))
    other.evaluate(at(5))
    assert (stage.findings(), other.findings()) == ([], [])
