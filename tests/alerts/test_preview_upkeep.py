"""Previews of what is about our own upkeep: the same as what is said while Stripe falls silent and channels break."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alerts.models import Rule, RuleKind, Watch
from alerts.preview import preview
from integrations.channels import outages
from integrations.models import Channel, InboxEvent, Recovery
from integrations.stripe.freshness import heard
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, Stage, at
from tests.alerts.strategies import facts, settings_of
from tests.factories import ChannelFactory, InboxEventFactory

Deed = Callable[[Stage, datetime], None]

SPEAKING = st.fixed_dictionaries({"cooldown_seconds": st.sampled_from([0, 3600]), "hysteresis": st.just(0)})
PACE = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example takes a second: it is told as it is
    suppress_health_check=list(HealthCheck),
)


class TestUpkeep(TestCase):
    """Examples run in transactions of their own."""

    @PACE
    @given(
        pauses=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 60)), min_size=1, max_size=8),
        waits=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 90)), max_size=3),
        limits=st.lists(st.integers(10, 90), min_size=2, max_size=3),
        speaking=SPEAKING,
    )
    def test_silences(
        self, pauses: list[tuple[int, int]], waits: list[tuple[int, int]], limits: list[int], speaking: dict[str, int]
    ) -> None:
        stage = Stage()
        stage.change(stage.connection, last_delivery_at=NOON - timedelta(minutes=5))
        stage.change(stage.recovery, read_until=NOON)
        rules = [stage.rule("stale_sync", {"minutes": limit}, **speaking) for limit in limits]
        deeds: list[tuple[float, Deed]] = []
        minute = 0
        for pause, lag in pauses:
            minute += pause
            deeds.append((minute, hear(minute - lag)))
        for received, waited in waits:
            deeds += [(received, receive), (received + waited, process(at(received)))]
        hold(stage, rules, deeds)

    @PACE
    @example(spans=[(0, 0, 42), (1, 25, 36)], speaking={"cooldown_seconds": 3600, "hysteresis": 0})
    @given(
        spans=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 900), st.integers(1, 200)), min_size=1, max_size=6),
        speaking=SPEAKING,
    )
    def test_channels(self, spans: list[tuple[int, int, int]], speaking: dict[str, int]) -> None:
        stage = Stage()
        channels = [ChannelFactory(workspace=stage.workspace, name=f"#{n}", number=n + 2) for n in range(3)]
        rules = [stage.rule("channel_broken", **speaking)]
        deeds: list[tuple[float, Deed]] = []
        for number, begins, lasts in spans:
            channel = channels[number]
            deeds += [(begins, breaks(channel)), (begins + lasts, mends(channel))]
        hold(stage, rules, deeds)


def hold(stage: Stage, rules: list[Rule], deeds: list[tuple[float, Deed]]) -> None:
    """Live through the deeds, with beats on the minute, and hold what was said against the previews."""
    for minute, deed in sorted(deeds, key=lambda one: one[0]):
        beat_until(stage, at(minute))
        with scoped_transaction(stage.workspace):
            deed(stage, at(minute))
    end = at(1100)
    beat_until(stage, end)
    judge(stage, end)
    for rule in rules:
        with scoped_transaction(stage.workspace) as workspace_id:
            chosen = settings_of(rule, ZoneInfo("UTC"))
            found = preview(workspace_id, stage.mode, RuleKind(rule.kind), rule.params, chosen, end)
        assert facts(rule, found.said) == facts(rule, stage.said(rule)), rule.params


def beat_until(stage: Stage, until: datetime) -> None:
    while (beat := next_beat(stage)) < until:
        judge(stage, beat)


def next_beat(stage: Stage) -> datetime:
    with scoped_transaction(stage.workspace):
        watch = Watch.objects.get(workspace=stage.workspace)
    due = NOON if watch.next_at is None else watch.next_at
    beat = due.replace(second=0, microsecond=0)
    return beat if beat == due else beat + timedelta(minutes=1)


def judge(stage: Stage, now: datetime) -> None:
    stage.evaluate(now)
    stage.sent()


def hear(minute: float) -> Deed:
    def deed(stage: Stage, now: datetime) -> None:
        until = max(at(minute), Recovery.objects.get(pk=stage.recovery.pk).read_until or NOON)
        heard(stage.workspace.pk, stage.connection.pk, until, now)
        Recovery.objects.filter(pk=stage.recovery.pk).update(read_until=until)

    return deed


def receive(stage: Stage, now: datetime) -> None:
    InboxEventFactory(connection=stage.connection, workspace=stage.workspace, state="pending", received_at=now)


def process(received: datetime) -> Deed:
    def deed(stage: Stage, now: datetime) -> None:
        """As a worker does, who takes what came first before it."""
        rows = InboxEvent.objects.filter(workspace=stage.workspace, state="pending", received_at__lte=received)
        rows.update(state="done", tries=1, processed_at=now)

    return deed


def breaks(channel: Channel) -> Deed:
    return lambda stage, now: outages.begin(channel, "Slack: channel_is_archived", now)


def mends(channel: Channel) -> Deed:
    return lambda stage, now: outages.end(channel, now)
