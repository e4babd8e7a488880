"""Churn at the close of each day; Stripe that is not heard of; channels that are broken."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone

from alerts.deciding import bell
from alerts.defaults import DEFAULTS
from alerts.models import Rule, Watch
from alerts.reactions import judge_numbers
from alerts.tasks import evaluate, sweep_rules
from billing.lanes import lane_of
from billing.modes import Mode
from billing.reacting import News
from integrations.channels import outages
from integrations.models import Channel, ChannelOutage, Silence
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, Stage, at
from tests.factories import (
    ChannelFactory,
    ChannelOutageFactory,
    DailyRollupFactory,
    InboxEventFactory,
    SilenceFactory,
    SyncStateFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

CHURN = {"threshold": "10", "minimum": 20}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def moved(stage: Stage, day: date, kind: str, people: int) -> None:
    """So many customers came or went on a day, in the one currency and over all of them."""
    for currency in ("", "usd"):
        stage.made(
            DailyRollupFactory, day=day, kind=kind, currency=currency, subscribers=people, moves=abs(people), amount=0
        )


def test_churn_is_judged_when_a_day_is_over(stage: Stage) -> None:
    rule = stage.rule("churn_rate", CHURN)
    moved(stage, date(2025, 12, 1), "new", 100)
    moved(stage, date(2026, 3, 9), "churn", -10)
    moved(stage, date(2026, 3, 10), "involuntary_churn", -1)
    stage.evaluate(at(60 * 11.9))
    assert stage.findings() == []
    stage.evaluate(at(60 * 12.5))
    assert stage.titles() == ["Churn is 11\N{NO-BREAK SPACE}% within 30 days"]
    assert stage.messages()[0].fields == (
        ("Lost", "11"),
        ("Of them after failed payments", "1"),
        ("Subscribers there were", "100"),
    )
    assert stage.again(rule).since == datetime(2026, 3, 11, tzinfo=UTC)
    stage.change(stage.connection, last_delivery_at=at(60 * 24 * 30))
    stage.evaluate(at(60 * 24 * 30))  # the 9th is more than 30 days ago: one of 90 is lost
    assert stage.titles()[1:] == [
        "Recovered: churn is 1.1\N{NO-BREAK SPACE}%, no longer more than 10\N{NO-BREAK SPACE}%"
    ]


def test_churn_that_was_withheld_is_told_when_it_may_be(stage: Stage) -> None:
    rule = stage.rule("churn_rate", CHURN, quiet_from=time(22), quiet_until=time(7))
    moved(stage, date(2025, 12, 1), "new", 100)
    moved(stage, date(2026, 3, 10), "churn", -11)
    for hour in range(12, 21):  # midnight is twelve hours after noon
        stage.evaluate(at(60 * hour + 1))
    assert stage.titles() == ["Churn is 11\N{NO-BREAK SPACE}% within 30 days"]
    assert stage.course(rule) == [(at(60 * 12), "suppressed"), (at(60 * 19), "fired")]


def test_few_subscribers_are_too_little_data(stage: Stage) -> None:
    stage.rule("churn_rate", CHURN)
    moved(stage, date(2025, 12, 1), "new", 19)
    moved(stage, date(2026, 3, 10), "churn", -9)
    stage.evaluate(at(60 * 13))
    assert [(outcome, reason) for outcome, _, reason in stage.findings()] == [
        ("skipped", "Too little data: 19 subscribers are fewer than 20.")
    ]


def test_stripe_that_is_not_heard_of_is_told_when_it_is_so_long_and_again_when_it_is_back(stage: Stage) -> None:
    rule = stage.rule("stale_sync", {"minutes": 30})
    stage.change(stage.connection, last_delivery_at=at(-5))
    stage.change(stage.recovery, read_until=at(0))
    stage.evaluate(at(30))
    assert stage.findings() == []
    stage.evaluate(at(31))
    assert stage.titles() == ["Stripe is 30 minutes behind"]
    assert stage.again(rule).since == at(30) + timedelta(seconds=1)
    stage.change(stage.connection, last_delivery_at=at(40))
    stage.evaluate(at(41))
    assert stage.titles()[1:] == ["Recovered: Stripe is heard of again"]


def test_a_silence_that_nobody_saw_is_told_with_its_end(stage: Stage) -> None:
    stage.rule("stale_sync", {"minutes": 30})
    for starts, ends in ((-90, -1), (5, 36), (60, 90)):
        SilenceFactory(connection=stage.connection, workspace=stage.workspace, starts=at(starts), ends=at(ends))
    SilenceFactory(starts=at(0), ends=at(999))
    stage.evaluate(at(120))
    assert [(one.title, one.lines) for one in stage.messages()] == [
        (
            "Stripe is 30 minutes behind",
            ("Numbers may be behind. Alerts about numbers are held back until this is over.",),
        ),
        ("Recovered: Stripe is heard of again", ("It was behind for less than a minute.",)),
    ]
    stage.evaluate(at(121))
    assert len(stage.titles()) == 2


def test_a_long_outage_that_was_read_back_in_slices_is_one_silence(stage: Stage) -> None:
    rule = stage.rule("stale_sync", {"minutes": 30})
    for starts, ends in ((0, 900), (360, 901), (720, 902)):
        SilenceFactory(connection=stage.connection, workspace=stage.workspace, starts=at(starts), ends=at(ends))
    stage.evaluate(at(950))
    assert stage.course(rule) == [
        (at(30) + timedelta(seconds=1), "fired"),
        (at(902), "recovered"),
    ]


def test_an_event_that_waits_makes_it_stale_as_well(stage: Stage) -> None:
    stage.rule("stale_sync", {"minutes": 30})
    InboxEventFactory(
        connection=stage.connection, workspace=stage.workspace, state="pending", received_at=at(-45), mode=stage.mode
    )
    stage.evaluate(at(0))
    assert stage.titles() == ["Stripe is 45 minutes behind"]


def test_where_the_list_of_events_was_never_read_silence_says_nothing(stage: Stage) -> None:
    stage.rule("stale_sync", {"minutes": 30})
    stage.change(stage.recovery, read_until=None)
    stage.change(stage.connection, last_delivery_at=at(-600))
    stage.evaluate(at(0))
    assert stage.findings() == []


def broken(stage: Stage, name: str, since: datetime = NOON, **of_channel: Any) -> Channel:
    channel: Channel = ChannelFactory(workspace=stage.workspace, name=name, state="broken", **of_channel)
    ChannelOutageFactory(channel=channel, starts=since)
    return channel


def test_each_broken_channel_is_told_once_and_that_all_work_again(stage: Stage) -> None:
    rule = stage.rule("channel_broken")
    ChannelOutageFactory(channel=ChannelFactory(state="broken"), starts=NOON)
    stage.evaluate(at(0))
    assert stage.findings() == []
    first = broken(stage, "#ops", at(0.5))
    stage.evaluate(at(1))
    assert stage.again(rule).since == at(0.5)
    stage.evaluate(at(2))
    broken(stage, "#sales", at(2.5))
    stage.evaluate(at(3))
    assert stage.titles(stage.channel) == ["Channel “#ops” is broken", "2 channels are broken"]
    assert stage.messages(stage.channel)[0].fields == (("#ops", "Slack: channel_is_archived"),)
    with scoped_transaction(stage.workspace):
        outages.end(first, at(3.5))
    stage.evaluate(at(4))
    assert len(stage.titles(stage.channel)) == 2
    with scoped_transaction(stage.workspace):
        ChannelOutage.objects.filter(ends=None).update(ends=at(4.5))
    stage.evaluate(at(5))
    assert stage.titles(stage.channel)[2:] == ["Recovered: all channels work"]


def test_a_channel_that_was_broken_while_nobody_looked_is_told_with_its_end(stage: Stage) -> None:
    stage.rule("channel_broken")
    ChannelOutageFactory(channel=stage.channel, starts=at(10), ends=at(20))
    ChannelOutageFactory(channel=stage.channel, starts=at(-20), ends=at(-10))
    stage.evaluate(at(60))
    assert stage.titles() == ["Channel “#billing” is broken", "Recovered: all channels work"]


def test_the_beat_finds_the_lanes_that_may_see_something_new(stage: Stage) -> None:
    WorkspaceFactory()  # without a connection
    lane = lane_of(stage.workspace.pk, stage.mode)
    assert sweep_rules() == 1
    evaluate(lane)
    assert sweep_rules() == 0
    stage.made(SyncStateFactory, version=1)
    assert sweep_rules() == 1
    evaluate(lane)
    assert sweep_rules() == 0
    SilenceFactory(connection=stage.connection, workspace=stage.workspace, ends=timezone.now() + timedelta(hours=1))
    assert sweep_rules() == 1
    with scoped_transaction(stage.workspace):
        Silence.objects.all().delete()
    assert sweep_rules() == 0
    stage.change(stage.channel, since=at(10_000_000))
    assert sweep_rules() == 1


def test_numbers_that_move_ring_unless_somebody_has_just_looked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", lambda *lanes: rung.extend(lanes))
    news = News(stage.workspace.pk, stage.mode, (), at(10))
    lane = lane_of(stage.workspace.pk, stage.mode)
    for looked, expected in ((None, [lane]), (at(9.9), []), (at(9.8), [lane])):
        rung.clear()
        with scoped_transaction(stage.workspace):
            Watch.objects.filter(workspace=stage.workspace).update(looked_at=looked)
        with TestCase.captureOnCommitCallbacks(execute=True), scoped_transaction(stage.workspace):
            judge_numbers(news)
        assert rung == expected


def test_without_a_working_connection_nothing_is_judged(stage: Stage) -> None:
    stage.rule("channel_broken")
    broken(stage, "#ops")
    stage.change(stage.connection, status="draft")
    assert not stage.evaluate(at(1)).watched
    assert stage.findings() == []


def test_a_workspace_has_its_rules_before_anybody_looks() -> None:
    stage = Stage(Mode.LIVE)
    with scoped_transaction(stage.workspace):
        Watch.objects.filter(workspace=stage.workspace).delete()
    assert stage.evaluate(at(1)).rules == len(DEFAULTS)
    with scoped_transaction(stage.workspace):
        assert Rule.objects.filter(workspace=stage.workspace, mode=Mode.LIVE).count() == len(DEFAULTS)
