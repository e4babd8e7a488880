"""Many payments fail: counted when they happened, told once, over when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.models import Watch
from billing.modes import Mode
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories import FailureFactory, HistoryEntryFactory

pytestmark = pytest.mark.django_db

MORE_THAN_THREE = {"measure": "count", "threshold": "3", "currency": "", "minutes": 60}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def fail(stage: Stage, *minutes: float, **of_failure: Any) -> None:
    for minute in minutes:
        stage.made(FailureFactory, happened_at=at(minute), **of_failure)


def test_it_fires_at_the_failure_that_is_too_many_and_recovers_when_the_first_is_an_hour_old(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_THREE)
    fail(stage, 1, 2, 3)
    assert stage.evaluate(at(4)).findings == 0
    fail(stage, 5)
    stage.evaluate(at(6))
    assert stage.titles() == ["4 payments failed within an hour"]
    assert (stage.again(rule).state, stage.again(rule).since) == ("firing", at(5))
    stage.evaluate(at(60.9))
    assert stage.again(rule).state == "firing"
    stage.evaluate(at(70))
    assert stage.titles()[1:] == ["Recovered: no more than 3 in failed payments within an hour"]
    assert stage.messages()[1].lines == ("It was more for 56 minutes.",)
    assert stage.again(rule).stepped_at == at(65)


def test_evaluated_twice_it_says_it_once(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE)
    fail(stage, 1, 2, 3, 4)
    assert stage.evaluate(at(5)).findings == 1
    assert stage.evaluate(at(5)).findings == 0
    assert stage.evaluate(at(6)).findings == 0
    assert len(stage.messages()) == 1


def test_amounts_count_in_their_currency_alone(stage: Stage) -> None:
    stage.rule("payment_failures", {"measure": "amount", "threshold": "100", "currency": "eur", "minutes": 60})
    fail(stage, 1, amount=9_000, currency="eur")
    fail(stage, 2, amount=900_000, currency="usd")
    fail(stage, 3, amount=1_000, currency="eur")
    assert stage.evaluate(at(4)).findings == 0  # exactly 100.00 is not more
    fail(stage, 5, amount=1, currency="eur")
    stage.evaluate(at(6))
    assert stage.titles() == ["€100.01 in payments failed within an hour"]


def test_neither_the_other_mode_nor_another_workspace_counts(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE)
    fail(stage, 1, 2, 3)
    other = Stage()
    fail(other, 1, 2, 3, 4)
    for minute in (1, 2, 3, 4):
        FailureFactory(workspace=stage.workspace, mode=Mode.LIVE, happened_at=at(minute))
    assert stage.evaluate(at(9)).findings == 0
    assert stage.messages() == []


def test_a_burst_that_became_known_when_it_was_over_is_told_with_its_end(stage: Stage) -> None:
    rule = stage.rule("payment_failures", MORE_THAN_THREE, since=at(180))
    lines = []
    for minute in (0, 5, 10, 15):
        failure = stage.made(FailureFactory, happened_at=at(minute), payment_event=None)
        line = {"kind": "invoice.payment_failed", "event_id": failure.invoice_event, "happened_at": at(minute)}
        lines.append(stage.made(HistoryEntryFactory, learnt_at=at(200), **line))
    stage.hear(at(200), *lines)
    assert stage.titles() == [
        "4 payments failed within an hour",
        "Recovered: no more than 3 in failed payments within an hour",
    ]
    assert stage.again(rule).state == "normal"


def test_the_second_event_of_failures_that_were_told_late_tells_nothing_more(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE, since=at(180))
    batches: dict[str, list[Any]] = {"invoice.payment_failed": [], "payment.failed": []}
    for minute in (0, 5, 10, 15):
        failure = stage.made(FailureFactory, happened_at=at(minute), customer="cus_1")
        for (kind, batch), event in zip(batches.items(), failure.keys, strict=True):
            line = {"kind": kind, "event_id": event, "happened_at": at(minute), "customer": "cus_1"}
            batch.append((at(minute), line))
    for number, (kind, batch) in enumerate(batches.items()):
        assert {line["kind"] for _, line in batch} == {kind}
        lines = [stage.made(HistoryEntryFactory, learnt_at=at(200 + number), **line) for _, line in batch]
        stage.hear(at(200 + number), *lines)
    assert len(stage.messages()) == 2


def fires_again(stage: Stage, end: str, reason: str = "") -> list[str]:
    """Two bursts within the cooldown; the first one's message comes to that end."""
    stage.rule("payment_failures", {**MORE_THAN_THREE, "minutes": 10}, cooldown_seconds=7200)
    fail(stage, 1, 2, 3, 4)
    stage.evaluate(at(5))
    stage.sent(end, reason)
    stage.evaluate(at(20))
    fail(stage, 31, 32, 33, 34)
    stage.evaluate(at(35))
    return [outcome for outcome, *_ in stage.findings()]


def test_a_delivered_message_begins_the_cooldown(stage: Stage) -> None:
    assert fires_again(stage, "sent") == ["fired", "recovered", "suppressed"]


def test_a_message_that_failed_or_is_put_off_begins_none(stage: Stage) -> None:
    assert fires_again(stage, "failed", "Slack: channel_is_archived") == ["fired", "recovered", "fired"]
    assert fires_again(Stage(), "waiting", "Slack: answered 500") == ["fired", "recovered", "fired"]


def test_what_a_cooldown_kept_back_is_told_when_it_is_over_and_still_so(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE, cooldown_seconds=60 * 90)
    fail(stage, 1, 2, 3, 4)
    stage.evaluate(at(5))
    stage.sent()
    fail(stage, 80, 81, 82, 83)
    stage.evaluate(at(84))
    assert [outcome for outcome, *_ in stage.findings()] == ["fired", "recovered", "suppressed"]
    stage.evaluate(at(100))
    assert stage.titles()[-1] == "4 payments failed within an hour"
    assert [outcome for outcome, *_ in stage.findings()][3:] == ["fired"]


def test_a_removed_rule_is_not_judged(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE, enabled=False, removed_at=at(0))
    fail(stage, 1, 2, 3, 4)
    assert stage.evaluate(at(5)).rules == 0
    assert stage.findings() == []


def test_the_beat_is_told_when_time_alone_changes_something(stage: Stage) -> None:
    stage.rule("payment_failures", MORE_THAN_THREE)
    fail(stage, 1, 20)

    def next_at() -> datetime | None:
        with scoped_transaction(stage.workspace):
            return Watch.objects.get(workspace=stage.workspace, mode=stage.mode).next_at

    stage.evaluate(at(30))
    assert next_at() == at(61)
    stage.evaluate(at(61))
    assert next_at() == at(80)
    stage.evaluate(at(80))
    assert next_at() == at(80) + timedelta(hours=1)
