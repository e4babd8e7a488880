"""MRR drops: by percent or amount, since the day began or so many hours ago, never by what exchange rates do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.modes import Mode
from tests.alerts.stage import NOON, Stage, at
from tests.factories import (
    BillingSettingsFactory,
    ExchangeRateFactory,
    MrrSpanFactory,
    RecalculationFactory,
    SyncStateFactory,
)

pytestmark = pytest.mark.django_db

IN_A_DAY = {"measure": "percent", "threshold": "10", "hours": None, "currency": "", "minimum": "100"}
LONG_AGO = int((NOON - timedelta(days=9)).timestamp())
DOWN_11 = "MRR is down 11\N{NO-BREAK SPACE}% since the day began"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def span(stage: Stage, monthly: int, ends: datetime | None = None, **of_span: Any) -> Any:
    """So many minor units a month since long ago."""
    until = {} if ends is None else {"ends": int(ends.timestamp())}
    return stage.made(MrrSpanFactory, monthly=Decimal(monthly), **{"starts": LONG_AGO, **until, **of_span})


def test_more_than_ten_percent_since_midnight_fires_at_the_instant_it_happens(stage: Stage) -> None:
    rule = stage.rule("mrr_drop", IN_A_DAY)
    span(stage, 89_000)
    span(stage, 10_000, at(5))
    span(stage, 1_000, at(10))
    stage.evaluate(at(9))
    assert stage.titles() == []  # exactly ten percent is not more
    stage.evaluate(at(30))
    assert stage.titles() == [DOWN_11]
    assert stage.messages()[0].fields == (
        ("MRR now", "$890.00"),
        ("At the beginning", "$1,000.00"),
        ("Change", "\N{MINUS SIGN}$110.00"),
    )
    assert stage.again(rule).since == at(10)


def test_the_next_day_is_compared_with_its_own_beginning_in_the_zone_of_the_workspace() -> None:
    stage = Stage(timezone="America/New_York")
    rule = stage.rule("mrr_drop", IN_A_DAY)
    span(stage, 89_000)
    span(stage, 11_000, at(10))
    stage.evaluate(at(30))
    midnight = datetime(2026, 3, 11, 4, tzinfo=UTC)
    stage.evaluate(midnight - timedelta(seconds=1))
    assert stage.again(rule).state == "firing"
    stage.evaluate(midnight)
    assert stage.again(rule).state == "normal"
    assert stage.titles() == [DOWN_11]
    assert [outcome for outcome, *_ in stage.findings()] == ["fired", "recovered"]


def test_within_some_hours_it_recovers_when_it_comes_back(stage: Stage) -> None:
    stage.rule("mrr_drop", {**IN_A_DAY, "hours": 6}, hysteresis=50)
    span(stage, 80_000)
    span(stage, 20_000, at(10))
    span(stage, 12_000, starts=int(at(60).timestamp()))
    span(stage, 4_000, starts=int(at(90).timestamp()))
    stage.evaluate(at(100))
    assert stage.titles() == [
        "MRR is down 20\N{NO-BREAK SPACE}% within 6 hours",
        "Recovered: MRR is no longer down by more than 10\N{NO-BREAK SPACE}% within 6 hours",
    ]
    assert stage.messages()[1].lines == ("It was down for 1 hour 20 minutes.",)


def test_an_amount_needs_no_base(stage: Stage) -> None:
    stage.rule("mrr_drop", {**IN_A_DAY, "measure": "amount", "threshold": "50", "currency": "usd", "minimum": ""})
    span(stage, 5_001, at(5))
    span(stage, 900_000, at(6), currency="eur")
    stage.evaluate(at(10))
    assert stage.titles() == ["MRR is down $50.01 since the day began"]


def test_a_base_below_the_minimum_is_skipped_and_said_so(stage: Stage) -> None:
    stage.rule("mrr_drop", IN_A_DAY)
    span(stage, 9_000, at(5))
    stage.evaluate(at(10))
    ((outcome, title, reason),) = stage.findings()
    assert (outcome, title) == ("skipped", "MRR is down 100\N{NO-BREAK SPACE}% since the day began")
    assert reason == "Below the minimum: MRR was less than $100.00."
    assert stage.messages() == []


def test_before_a_whole_comparison_there_is_too_little_data(stage: Stage) -> None:
    stage.rule("mrr_drop", IN_A_DAY)
    stage.change(stage.connection, connected_at=at(-60))
    span(stage, 90_000, at(5))
    stage.evaluate(at(10))
    assert [(outcome, reason) for outcome, _, reason in stage.findings()] == [
        ("skipped", "Too little data: Stripe was connected after the beginning of this comparison.")
    ]


def test_a_stale_sync_holds_it_back_and_what_still_holds_is_told_afterwards(stage: Stage) -> None:
    stage.rule("mrr_drop", IN_A_DAY)
    stage.change(stage.connection, last_delivery_at=at(-40))
    stage.change(stage.recovery, read_until=at(-31))
    span(stage, 90_000, at(5))
    stage.evaluate(at(10))
    assert [outcome for outcome, *_ in stage.findings()] == ["skipped"]
    assert stage.messages() == []
    stage.change(stage.recovery, read_until=at(11))
    stage.evaluate(at(12))
    assert stage.titles() == ["MRR is down 100\N{NO-BREAK SPACE}% since the day began"]


def test_numbers_that_are_being_computed_again_are_not_judged(stage: Stage) -> None:
    stage.rule("mrr_drop", IN_A_DAY)
    stage.made(RecalculationFactory, done_at=None)
    span(stage, 90_000, at(5))
    stage.evaluate(at(10))
    assert stage.messages() == []


def test_a_rate_that_falls_by_half_is_no_drop_and_a_drop_is_one_at_any_rate(stage: Stage) -> None:
    BillingSettingsFactory(workspace=stage.workspace, reporting_currency="eur")
    for day, per_euro in ((9, "1.00"), (10, "2.00"), (11, "4.00")):
        ExchangeRateFactory(day=date(2026, 3, day), per_euro=Decimal(per_euro))
    rule = stage.rule("mrr_drop", {**IN_A_DAY, "hours": 24}, since=at(-60))
    span(stage, 50_000)
    span(stage, 50_000, currency="eur")
    for hour in range(0, 36, 6):
        stage.evaluate(at(60 * hour))
    assert stage.findings() == []
    assert stage.again(rule).last_value in (None, Decimal(0))
    span(stage, 30_000, at(60 * 37), currency="eur")
    stage.evaluate(at(60 * 38))  # 800 euros, and 125 for the 500 dollars: 300 of 925 are gone
    assert stage.titles() == ["MRR is down 32.4\N{NO-BREAK SPACE}% within a day"]


def test_without_a_rate_nothing_is_judged(stage: Stage) -> None:
    BillingSettingsFactory(workspace=stage.workspace, reporting_currency="eur")
    stage.rule("mrr_drop", IN_A_DAY)
    span(stage, 90_000, at(5))
    stage.evaluate(at(10))
    assert stage.findings() == []


def test_neither_the_other_mode_nor_another_workspace_nor_a_trial_counts(stage: Stage) -> None:
    stage.rule("mrr_drop", IN_A_DAY)
    span(stage, 90_000)
    span(stage, 90_000, at(5), trial=True)
    MrrSpanFactory(
        workspace=stage.workspace, mode=Mode.LIVE, monthly=Decimal(90_000), starts=LONG_AGO, ends=int(at(5).timestamp())
    )
    span(Stage(), 90_000, at(5))
    stage.evaluate(at(10))
    assert stage.findings() == []


def test_a_cancellation_that_becomes_known_late_is_told_when_it_is_known(stage: Stage) -> None:
    rule = stage.rule("mrr_drop", IN_A_DAY)
    going = span(stage, 20_000)
    span(stage, 80_000, at(60))
    stage.evaluate(at(61))
    assert stage.titles() == ["MRR is down 80\N{NO-BREAK SPACE}% since the day began"]
    other = Stage()
    rule = other.rule("mrr_drop", IN_A_DAY)
    going = span(other, 20_000)
    span(other, 80_000)
    span(other, 10, at(50))
    other.evaluate(at(51))
    assert other.again(rule).stepped_at == at(50)
    other.change(going, ends=int(at(20).timestamp()))
    other.made(SyncStateFactory, version=7)
    other.evaluate(at(55))
    assert other.titles() == ["MRR is down 20\N{NO-BREAK SPACE}% since the day began"]
    assert other.again(rule).since == at(55)
