"""Each summary once: at its hour, whoever beats, whatever was missed; never another's."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from alerts.digest.choosing import choose, settings_of, timetables
from alerts.digest.sending import NO_CHANNEL, NOT_IN_THE_PLAN, TOO_OLD, settle
from alerts.models import Cadence
from alerts.tasks import send_digests, sweep_digests
from billing.lanes import lane_of
from billing.models import Recalculation
from billing.modes import Mode
from integrations.channels import roster
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ChannelFactory, RecalculationFactory, WorkspaceFactory
from tests.factories_digest import DigestChannelFactory, DigestRunFactory, DigestSettingsFactory

from .stage import CONNECTED, MORNING, beat, busy_day, connected, rows_of, runs, sent

pytestmark = pytest.mark.django_db
TITLE = "Acme, Tue 10 Mar 2026: MRR $135.00 (+$35.00)"


@pytest.fixture
def acme(workspace: Workspace) -> Workspace:
    """Connected live with one channel and a busy day; the summary of the day before is decided."""
    connected(workspace)
    busy_day(workspace)
    DigestRunFactory(workspace=workspace, mode=Mode.LIVE, day=date(2026, 3, 9))
    return workspace


def switch(workspace: Workspace, now: datetime, mode: Mode = Mode.LIVE, **changes: Any) -> None:
    """Choose by the door that the page takes."""
    cadence = changes.pop("cadence", Cadence.DAILY)
    with scope(workspace):
        wanted = {"enabled": True, "hour": 8, "weekday": 0, "channels": [], **changes}
        choose(workspace, mode, cadence, now=now, **wanted)


def test_a_day_is_told_once_at_its_hour(acme: Workspace) -> None:
    assert beat(acme, MORNING - timedelta(seconds=1)) == []
    (run,) = beat(acme)
    assert (run.cadence, run.day, run.state, run.late) == ("daily", date(2026, 3, 10), "sent", False)
    assert (run.due_at, run.decided_at, run.sent_at) == (MORNING, MORNING, MORNING)
    assert run.numbers["currencies"]["usd"]["mrr"] == "135.00"
    assert beat(acme) == []
    assert beat(acme, MORNING + timedelta(hours=15, minutes=59)) == []
    assert [message.heading for message in sent(acme)] == [TITLE]
    (row,) = rows_of(acme)
    assert (row.dedupe_key, row.mode, row.state) == ("digest:live:daily:2026-03-10", "live", "waiting")


def test_every_channel_gets_it_unless_some_are_chosen(acme: Workspace) -> None:
    second = ChannelFactory(workspace=acme)
    beat(acme)
    assert len(rows_of(acme)) == 2
    switch(acme, MORNING, channels=[second])
    beat(acme, MORNING + timedelta(days=1))
    assert [row.channel_id for row in rows_of(acme)[2:]] == [second.pk]


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_tell_it_once(acme: Workspace) -> None:
    both = threading.Barrier(2)
    found: list[int] = []

    def one() -> None:
        try:
            with scope(acme):
                both.wait()
                found.append(len(settle(acme, Mode.LIVE, MORNING)))
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1]
    assert [message.heading for message in sent(acme)] == [TITLE]
    assert len(runs(acme)) == 2


def test_what_a_night_missed_is_sent_late_and_says_so(acme: Workspace) -> None:
    beat(acme, MORNING + timedelta(hours=1))
    assert runs(acme)[-1] == ("live", "2026-03-10", "sent", False, "")
    noon = MORNING + timedelta(days=2, hours=4)
    beat(acme, noon)
    assert runs(acme)[2:] == [("live", "2026-03-11", "sent", True, ""), ("live", "2026-03-12", "sent", True, "")]
    assert [message.lines for message in sent(acme)] == [
        (),
        ("Sent late: it was due on Thu 12 Mar at 08:00 (UTC).",),
        ("Sent late: it was due on Fri 13 Mar at 08:00 (UTC).",),
    ]


def test_what_is_older_than_three_days_is_skipped_with_a_record(acme: Workspace) -> None:
    beat(acme, MORNING + timedelta(days=4))
    assert runs(acme)[1:] == [
        ("live", "2026-03-10", "skipped", False, TOO_OLD),
        ("live", "2026-03-11", "sent", True, ""),
        ("live", "2026-03-12", "sent", True, ""),
        ("live", "2026-03-13", "sent", True, ""),
        ("live", "2026-03-14", "sent", False, ""),
    ]
    assert len(sent(acme)) == 4


def test_hours_that_come_twice_or_not_at_all(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(timezone="Europe/Berlin")
    workspace.refresh_from_db()
    connected(workspace)
    DigestSettingsFactory(workspace=workspace, mode=Mode.LIVE, hour=2, since=CONNECTED)
    for night, last in (
        (datetime(2026, 3, 29, tzinfo=UTC), date(2026, 3, 27)),
        (datetime(2026, 10, 25, tzinfo=UTC), date(2026, 10, 23)),
    ):
        DigestRunFactory(workspace=workspace, mode=Mode.LIVE, day=last)
        for minute in range(-120, 300, 5):
            beat(workspace, night + timedelta(minutes=minute))
    with scoped_transaction(workspace):
        decided = [(row.created_at, row.dedupe_key) for row in rows_of(workspace)]
    assert decided == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "digest:live:daily:2026-03-28"),
        (datetime(2026, 10, 25, 0, tzinfo=UTC), "digest:live:daily:2026-10-24"),
    ]


def test_the_first_one_is_the_first_that_is_due_after_all_is_there(workspace: Workspace) -> None:
    connected(workspace, channels=0)
    assert beat(workspace) == []  # no channel: nothing to decide
    ChannelFactory(workspace=workspace, created_at=MORNING + timedelta(minutes=1))
    assert beat(workspace, MORNING + timedelta(minutes=2)) == []
    (run,) = beat(workspace, MORNING + timedelta(days=1))
    assert run.day == date(2026, 3, 11)


def test_defaults_are_daily_and_live(acme: Workspace) -> None:
    connected(acme, Mode.TEST, channels=0)
    busy_day(acme, Mode.TEST)
    assert beat(acme, mode=Mode.TEST) == []
    switch(acme, MORNING - timedelta(hours=1), Mode.TEST)
    switch(acme, MORNING - timedelta(hours=1), Mode.LIVE, cadence=Cadence.WEEKLY, weekday=2)
    assert [run.cadence for run in beat(acme)] == ["daily", "weekly"]
    assert [run.mode for run in beat(acme, mode=Mode.TEST)] == ["test"]
    headings = [message.heading for message in sent(acme)]
    assert headings == [TITLE, "Acme, week of 4–10 Mar 2026: MRR $135.00 (+$35.00)", f"[Test mode] {TITLE}"]


def test_turned_off_and_on_again(acme: Workspace) -> None:
    switch(acme, MORNING - timedelta(days=1), enabled=False)
    assert beat(acme) == []
    switch(acme, MORNING + timedelta(hours=1))
    assert beat(acme, MORNING + timedelta(hours=2)) == []
    assert [run.day for run in beat(acme, MORNING + timedelta(days=1))] == [date(2026, 3, 11)]


def test_another_hour_neither_repeats_nor_loses_a_day(acme: Workspace) -> None:
    beat(acme)
    switch(acme, MORNING + timedelta(hours=1), hour=10)
    assert beat(acme, MORNING + timedelta(hours=3)) == []
    switch(acme, MORNING + timedelta(days=1), hour=7)  # eight o'clock of the next day, when ten was still to come
    assert [run.day for run in beat(acme, MORNING + timedelta(days=1))] == [date(2026, 3, 11)]


def test_skipped_for_a_reason(acme: Workspace, settings: Any) -> None:
    (channel,) = [row.channel for row in [DigestChannelFactory(
        workspace=acme, settings=DigestSettingsFactory(workspace=acme, mode=Mode.LIVE, since=CONNECTED)
    )]]  # fmt: skip
    with scope(acme):
        roster.remove(channel)
    beat(acme)
    assert runs(acme)[-1] == ("live", "2026-03-10", "skipped", False, NO_CHANNEL)
    with scope(acme):
        switch(acme, MORNING)
    settings.PQ_HOUSE_WORKSPACE = "house"
    Workspace.objects.filter(pk=acme.pk).update(trial_ends_at=MORNING)
    acme.refresh_from_db()
    beat(acme, MORNING + timedelta(days=1))
    assert runs(acme)[-1] == ("live", "2026-03-11", "skipped", False, NOT_IN_THE_PLAN)
    assert sent(acme) == []


def test_numbers_that_are_computed_again_are_waited_for_an_hour(acme: Workspace) -> None:
    RecalculationFactory(workspace=acme, mode=Mode.LIVE, asked_at=MORNING, done_at=None)
    assert beat(acme, MORNING + timedelta(minutes=59)) == []
    beat(acme, MORNING + timedelta(minutes=60))
    said = "All numbers are being computed again, because a setting changed: these may still move."
    assert [message.lines for message in sent(acme)] == [(said,)]
    with scoped_transaction(acme):
        Recalculation.objects.filter(workspace=acme).update(done_at=MORNING)


def test_beats_find_what_is_due_in_every_workspace(acme: Workspace) -> None:
    tokyo = WorkspaceFactory(timezone="Asia/Tokyo")
    connected(tokyo)
    DigestRunFactory(workspace=tokyo, mode=Mode.LIVE, day=date(2026, 3, 9))
    DigestRunFactory(workspace=tokyo, mode=Mode.TEST, day=date(2027, 1, 1))
    with time_machine.travel(datetime(2026, 3, 10, 22, 59, tzinfo=UTC), tick=False):
        assert sweep_digests() == 0
    with time_machine.travel(datetime(2026, 3, 10, 23, tzinfo=UTC), tick=False):
        assert sweep_digests() == 1
        assert send_digests(lane_of(acme.pk, Mode.LIVE)) == 0
        assert send_digests(lane_of(tokyo.pk, Mode.TEST)) == 0
        assert send_digests(lane_of(tokyo.pk, Mode.LIVE)) == 1
        assert sweep_digests() == 0
    with time_machine.travel(MORNING, tick=False):
        assert sweep_digests() == 1
        assert send_digests(lane_of(acme.pk, Mode.LIVE)) == 1
    assert len(sent(acme)) == len(sent(tokyo)) == 1
    assert send_digests(lane_of(10_000_000, Mode.LIVE)) == 0


def test_only_its_own_timetables_are_seen_in_a_scope(acme: Workspace) -> None:
    connected(WorkspaceFactory())
    with scoped_transaction(acme):
        assert [(place.workspace_id, place.mode) for place in timetables(acme.pk)] == [(acme.pk, Mode.LIVE)]
        assert settings_of(acme, Mode.LIVE, Cadence.DAILY).enabled
        assert not settings_of(acme, Mode.TEST, Cadence.DAILY).enabled
        assert not settings_of(acme, Mode.LIVE, Cadence.WEEKLY).enabled
