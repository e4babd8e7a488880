"""What a rule would have said: over the last thirty days, in order, as if everything had been delivered."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.machine import Settings, Why
from alerts.models import Outcome, RuleKind
from alerts.preview import Preview, Said, preview
from billing.modes import Mode
from billing.quiet import QuietHours
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, Stage, at
from tests.factories import (
    AccessFactory,
    ChannelFactory,
    ChannelOutageFactory,
    FailureFactory,
    HistoryEntryFactory,
    InboxEventFactory,
    MrrSpanFactory,
    RecalculationFactory,
    SilenceFactory,
)

pytestmark = pytest.mark.django_db

DAY = 1440
SECOND = timedelta(seconds=1)
MORE_THAN_TWO = {"measure": "count", "threshold": "2", "currency": "", "minutes": 60}
DROP = {"measure": "percent", "threshold": "10", "hours": None, "currency": "", "minimum": "100"}
ANY = {"minimums": {}, "tier": "", "customer": ""}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def foreseen(stage: Stage, kind: str, params: dict[str, Any], settings: Settings = Settings(), **most: int) -> Preview:  # noqa: B008 - frozen
    with scoped_transaction(stage.workspace) as workspace_id:
        return preview(workspace_id, stage.mode, RuleKind(kind), params, settings, NOON, **most)


def fail(stage: Stage, *minutes: float, **of_failure: Any) -> None:
    for minute in minutes:
        stage.made(FailureFactory, happened_at=at(minute), **of_failure)


def line(stage: Stage, minute: float, kind: str = "invoice.paid", **of_line: Any) -> None:
    when = {"happened_at": at(minute), "learnt_at": at(minute)}
    stage.made(HistoryEntryFactory, kind=kind, is_change=False, **{**when, **of_line})


def times(found: Preview) -> list[datetime]:
    return [one.at for one in found.fired]


def test_failures_that_were_too_many_with_their_recoveries(stage: Stage) -> None:
    fail(stage, -DAY, -DAY + 1, -DAY + 2, -DAY + 3)
    fail(stage, -100, -90, -80)
    fail(stage, -31 * DAY, -31 * DAY + 1, -31 * DAY + 2)  # before the thirty days
    fail(stage, 1, 2, 3)  # not yet
    found = foreseen(stage, "payment_failures", MORE_THAN_TWO)
    assert found.said == (
        Said(at(-DAY + 2), Outcome.FIRED, "3 payments failed within an hour"),
        Said(at(-DAY + 61), Outcome.RECOVERED, "Recovered: no more than 2 in failed payments within an hour"),
        Said(at(-80), Outcome.FIRED, "3 payments failed within an hour"),
        Said(at(-40), Outcome.RECOVERED, "Recovered: no more than 2 in failed payments within an hour"),
    )
    assert (found.since, found.until) == (at(-30 * DAY), NOON)
    assert (found.cut_short, found.withheld, found.recovered, found.earlier) == (False, {}, 2, 0)
    assert [one.at for one in found.newest] == [at(-80), at(-DAY + 2)]


def test_the_cooldown_counts_and_mute_silence_and_channels_do_not(stage: Stage) -> None:
    fail(stage, -500, -499, -498, -400, -399, -398)
    chosen = Settings(cooldown=timedelta(hours=3), test_mode=True, silenced_until=at(999), channels=False)
    found = foreseen(stage, "payment_failures", MORE_THAN_TWO, chosen)
    assert times(found) == [at(-498)]
    assert found.withheld == {Why.COOLDOWN: 1, Why.NEVER_SAID: 1}
    assert times(foreseen(stage, "payment_failures", MORE_THAN_TWO)) == [at(-498), at(-398)]


def test_what_holds_already_when_the_thirty_days_begin_is_told_then(stage: Stage) -> None:
    fail(stage, -30 * DAY - 3, -30 * DAY - 2, -30 * DAY - 1)
    assert times(foreseen(stage, "payment_failures", MORE_THAN_TWO)) == [at(-30 * DAY)]


def test_drops_are_judged_though_numbers_are_behind_now(stage: Stage) -> None:
    long_ago = int(at(-60 * DAY).timestamp())
    for monthly, ends in ((80_000, None), (11_000, at(-3 * DAY)), (9_000, at(-10))):
        until = {} if ends is None else {"ends": int(ends.timestamp())}
        stage.made(MrrSpanFactory, monthly=Decimal(monthly), starts=long_ago, **until)
    stage.made(RecalculationFactory, asked_at=at(-1), done_at=None)
    stage.change(stage.recovery, read_until=at(-DAY))
    stage.change(stage.connection, last_delivery_at=at(-DAY))
    found = foreseen(stage, "mrr_drop", DROP)
    assert [(one.at, one.outcome) for one in found.said] == [
        (at(-3 * DAY), Outcome.FIRED),
        (at(-10), Outcome.FIRED),
    ]
    assert found.withheld == {Why.ANEW: 1}
    assert found.estimated_before is None
    line(stage, -12 * DAY, "subscription.found")
    assert foreseen(stage, "mrr_drop", DROP).estimated_before == date(2026, 2, 26)


def test_without_a_rate_nothing_is_judged_and_that_is_said(stage: Stage) -> None:
    for currency in ("usd", "eur"):
        stage.made(MrrSpanFactory, monthly=Decimal(90_000), starts=0, currency=currency, customer=currency)
    found = foreseen(stage, "mrr_drop", DROP)
    assert (found.said, found.withheld) == ((), {})
    assert found.unjudged == "There is no exchange rate of USD for 2026-03-09 or the 7 days before."
    assert foreseen(stage, "mrr_drop", {**DROP, "currency": "eur"}).unjudged == ""


def test_bursts_come_together(stage: Stage) -> None:
    for second in range(8):
        line(stage, -DAY + second / 60)
    line(stage, -5)
    found = foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY})
    assert [(one.at, one.count) for one in found.said] == [
        *((at(-DAY + second / 60), 1) for second in range(5)),
        (at(-DAY + 1), 3),
        (at(-5), 1),
    ]
    assert found.said[5].title == "And 3 more events within a minute"
    assert found.withheld == {Why.GROUPED: 3}


def test_only_lines_that_somebody_would_have_been_told_of(stage: Stage) -> None:
    line(stage, -10)
    line(stage, -20, event_id="pqread_1")
    line(stage, -30, superseded_at=at(-29))
    line(stage, -40, kind="customer.created")
    line(stage, -30 * DAY)  # the first instant of all belongs to the time before
    line(stage, 1)
    HistoryEntryFactory(workspace=stage.workspace, mode=Mode.LIVE, kind="invoice.paid", happened_at=at(-50))
    line(Stage(), -60)
    assert times(foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY})) == [at(-10)]


def test_each_failed_payment_once_whichever_event_told_of_it(stage: Stage) -> None:
    for minute, minor in ((-DAY, 9_900), (-5, 900)):
        row = stage.made(FailureFactory, happened_at=at(minute), customer="cus_1", amount=minor)
        line(stage, minute, "payment.failed", event_id=row.payment_event, customer="cus_1")
        line(stage, minute, "invoice.payment_failed", event_id=row.invoice_event, customer="cus_1")
    found = foreseen(stage, "payment_failed", {"minimums": {}})
    assert [one.title for one in found.said] == ["Payment of $99.00 failed: cus_1", "Payment of $9.00 failed: cus_1"]
    assert times(foreseen(stage, "payment_failed", {"minimums": {"usd": "50"}})) == [at(-DAY)]
    assert times(foreseen(stage, "payment_failed", {"minimums": {"eur": "0"}})) == []


def test_a_tier_is_the_one_that_the_customer_had_then(stage: Stage) -> None:
    for minute, before, after in ((-500, None, "starter"), (-300, "starter", "growth"), (-100, "growth", None)):
        line(
            stage, minute, "access.changed", customer="ada", object_kind="access", object_id="ada",
            before=before and {"tier": before}, after={"tier": after},
        )  # fmt: skip
    stage.made(AccessFactory, customer="ada", tier=None)
    stage.made(AccessFactory, customer="bob", tier="growth")
    for minute in (-600, -400, -300, -200, -50):
        line(stage, minute, customer="ada")
    line(stage, -150, customer="bob")
    line(stage, -120, customer="eve")
    line(stage, -110)
    growth = {"kinds": ["invoice.paid"], **ANY, "tier": "growth"}
    assert times(foreseen(stage, "event", growth)) == [at(-300), at(-200), at(-150)]
    assert times(foreseen(stage, "event", {**growth, "tier": "starter"})) == [at(-400), at(-300)]


def test_of_too_much_the_newest_is_judged(stage: Stage) -> None:
    for minute in range(-100, 0, 10):
        line(stage, minute)
        fail(stage, minute)
    found = foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY}, most=4)
    assert (found.cut_short, found.since, times(found)) == (True, at(-50), [at(-40), at(-30), at(-20), at(-10)])
    whole = foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY}, most=10)
    assert (whole.cut_short, len(whole.fired)) == (False, 10)
    line(stage, -105)
    line(stage, -115)
    more = foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY})
    assert (len(more.newest), more.newest[0].at, more.newest[-1].at, more.earlier) == (10, at(-10), at(-100), 2)
    # Failures count from their own time until an hour later.
    found = foreseen(stage, "payment_failures", {**MORE_THAN_TWO, "threshold": "5"}, most=6)
    assert (found.cut_short, found.since, times(found)) == (True, at(-50), [at(-50)])


def test_it_writes_nothing_and_costs_the_same_whatever_happened(stage: Stage) -> None:
    def statements(kind: str, params: dict[str, Any]) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            foreseen(stage, kind, params)
        return [query["sql"] for query in captured]

    asked: list[tuple[str, dict[str, Any]]] = [
        ("payment_failures", MORE_THAN_TWO),
        ("mrr_drop", DROP),
        ("churn_rate", {"threshold": "5", "minimum": 1}),
        ("payment_failed", {"minimums": {}}),
        ("event", {"kinds": ["invoice.paid"], **ANY, "tier": "growth"}),
        ("quarantine", {}),
        ("unmapped_price", {}),
        ("stale_sync", {"minutes": 30}),
        ("channel_broken", {}),
    ]
    for minute in range(-9, 0):
        line(stage, minute, customer=f"cus_{minute}")
        row = stage.made(FailureFactory, happened_at=at(minute), customer="cus_1")
        line(stage, minute, "payment.failed", event_id=row.payment_event, customer="cus_1")
    few = [len(statements(*one)) for one in asked]
    assert max(few) <= 14
    for minute in range(-60, -9):
        line(stage, minute, customer=f"cus_{minute}")
        row = stage.made(FailureFactory, happened_at=at(minute), customer=f"cus_{minute}")
        line(stage, minute, "payment.failed", event_id=row.payment_event, customer=f"cus_{minute}")
    said = [statements(*one) for one in asked]
    assert [len(some) for some in said] == few
    assert not [sql for some in said for sql in some if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert stage.findings() == []


def test_silences_that_were_longer_and_the_one_that_is_not_over(stage: Stage) -> None:
    for starts, ends in ((-31 * DAY, -30 * DAY - 1), (-500, -480), (-400, -300), (-350, -299)):
        SilenceFactory(connection=stage.connection, workspace=stage.workspace, starts=at(starts), ends=at(ends))
    SilenceFactory(connection=stage.connection, workspace=stage.workspace, mode=Mode.LIVE, starts=at(-200), ends=at(0))
    SilenceFactory(starts=at(-200), ends=at(-1))
    stage.change(stage.recovery, read_until=at(-45))
    stage.change(stage.connection, last_delivery_at=at(-60))
    assert foreseen(stage, "stale_sync", {"minutes": 30}).said == (
        Said(at(-370) + SECOND, Outcome.FIRED, "Stripe is 30 minutes behind"),
        Said(at(-299), Outcome.RECOVERED, "Recovered: Stripe is heard of again"),
        Said(at(-15) + SECOND, Outcome.FIRED, "Stripe is 30 minutes behind"),
    )
    assert times(foreseen(stage, "stale_sync", {"minutes": 10})) == [
        at(minutes) + SECOND for minutes in (-490, -390, -35)
    ]
    stage.change(stage.connection, status="draft")  # nobody listens now, and nobody would be told of that
    assert times(foreseen(stage, "stale_sync", {"minutes": 30})) == [at(-370) + SECOND]


def test_events_that_waited_to_be_processed(stage: Stage) -> None:
    for received, processed in ((-300, -200), (-299, -200), (-250, -200), (-240, -199), (-100, -95)):
        InboxEventFactory(
            connection=stage.connection,
            workspace=stage.workspace,
            state="done",
            tries=1,
            received_at=at(received),
            processed_at=at(processed),
        )
    InboxEventFactory(connection=stage.connection, workspace=stage.workspace, state="pending", received_at=at(-40))
    assert [(one.at, one.outcome) for one in foreseen(stage, "stale_sync", {"minutes": 30}).said] == [
        (at(-270) + SECOND, Outcome.FIRED),
        (at(-199), Outcome.RECOVERED),
        (at(-10) + SECOND, Outcome.FIRED),
    ]


def test_channels_that_were_broken(stage: Stage) -> None:
    other = ChannelFactory(workspace=stage.workspace, name="#ops", number=2)
    for channel, starts, ends in (
        (stage.channel, -31 * DAY, -30 * DAY - 1),
        (stage.channel, -500, -400),
        (other, -450, -380),
        (stage.channel, -200, -100),
        (other, -5, None),
    ):
        ChannelOutageFactory(channel=channel, starts=at(starts), ends=None if ends is None else at(ends))
    ChannelOutageFactory(starts=at(-50))
    assert [(one.at, one.title) for one in foreseen(stage, "channel_broken", {}).said] == [
        (at(-500), "Channel “#billing” is broken"),
        (at(-450), "2 channels are broken"),
        (at(-380), "Recovered: all channels work"),
        (at(-200), "Channel “#billing” is broken"),
        (at(-100), "Recovered: all channels work"),
        (at(-5), "Channel “#ops” is broken"),
    ]


def test_events_that_were_set_aside_each_once(stage: Stage) -> None:
    for minute, event in ((-500, "evt_1"), (-400, "evt_2"), (-300, "evt_1")):
        step = {"object_kind": "event", "object_id": event, "event_id": event, "is_change": True}
        stage.made(HistoryEntryFactory, kind="event.quarantined", happened_at=at(minute), learnt_at=at(minute), **step)
    line(stage, -200, "event.replayed", event_id="evt_1")
    assert times(foreseen(stage, "quarantine", {})) == [at(-500), at(-400)]


def test_what_happens_in_quiet_hours_is_told_after_them(stage: Stage) -> None:
    night = Settings(quiet=QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin")))
    for minute in (-901, -899, -600, -301, -300, -299):  # noon is 13:00 in Berlin
        line(stage, minute)
    fail(stage, -900, -890, -880, -400, -390, -380, -370)
    said = foreseen(stage, "event", {"kinds": ["invoice.paid"], **ANY}, night)
    assert [(one.at, one.count, one.title) for one in said.said] == [
        (at(-901), 1, "Invoice paid"),
        (at(-360), 2, "2 events in the quiet hours"),
        (at(-301), 1, "Invoice paid"),
        (at(-300), 1, "Invoice paid"),
        (at(-299), 1, "Invoice paid"),
    ]
    assert said.withheld == {Why.QUIET: 2}
    many = foreseen(stage, "payment_failures", MORE_THAN_TWO, night)
    assert [(one.at, one.outcome) for one in many.said] == [
        (at(-360), Outcome.FIRED),
        (at(-330), Outcome.RECOVERED),
    ]
    assert many.withheld == {Why.QUIET: 2, Why.NEVER_SAID: 1}
