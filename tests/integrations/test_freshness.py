"""How far Stripe was known in the last weeks: silences are written down as they end, waits are looked up."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.modes import Mode
from integrations.models import Connection, InboxEvent, Recovery, Silence
from integrations.stripe import connections, quarantine
from integrations.stripe.drain import drain
from integrations.stripe.freshness import Behind, behind_between, freshness, heard
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN, InboxEventFactory, RecoveryFactory, SilenceFactory

from .lanes import Lane, event, new_lane

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, MONTH = timedelta(minutes=1), timedelta(days=30)


def at(minutes: float) -> datetime:
    return THEN + minutes * MINUTE


@pytest.fixture
def lane() -> Lane:
    """Connected at noon, and read up to then."""
    lane = new_lane()
    RecoveryFactory(connection=lane.connection, workspace=lane.workspace, read_until=THEN)
    known(lane, connected_at=THEN)
    return lane


def known(lane: Lane, **of_connection: datetime | None) -> None:
    with scoped_transaction(lane.workspace):
        Connection.objects.filter(pk=lane.connection.pk).update(**of_connection)


def silences(lane: Lane) -> list[tuple[datetime, datetime]]:
    with scoped_transaction(lane.workspace):
        return list(Silence.objects.filter(mode=lane.connection.mode).order_by("ends").values_list("starts", "ends"))


def hear(lane: Lane, until: datetime, now: datetime) -> None:
    """As recovery does it."""
    with scoped_transaction(lane.workspace):
        heard(lane.workspace.pk, lane.connection.pk, until, now)
        Recovery.objects.filter(connection=lane.connection).update(read_until=until)


def behind(lane: Lane, after: datetime, until: datetime) -> list[Behind]:
    with scoped_transaction(lane.workspace) as workspace_id:
        return behind_between(workspace_id, Mode(lane.connection.mode), after, until)


def test_a_silence_of_more_than_ten_minutes_is_written_down_when_it_ends(lane: Lane) -> None:
    hear(lane, at(5), at(6))
    hear(lane, at(14), at(15))
    assert silences(lane) == []
    hear(lane, at(24), at(25))
    assert silences(lane) == [(at(14), at(25))]
    assert behind(lane, at(0), at(99)) == [Behind(at(14), at(25))]
    assert [behind(lane, at(25), at(99)), behind(lane, at(0), at(13))] == [[], []]


def test_read_back_in_slices_each_is_known_from_when_it_was_read(lane: Lane) -> None:
    for until, now in ((at(360), 900), (at(720), 901), (at(899), 902)):
        hear(lane, until, at(now))
    assert silences(lane) == [(at(0), at(900)), (at(360), at(901)), (at(720), at(902))]


def test_what_tells_nothing_newer_ends_no_silence(lane: Lane) -> None:
    known(lane, last_delivery_at=at(20))
    hear(lane, at(15), at(40))
    hear(lane, at(20), at(41))
    assert silences(lane) == []
    hear(lane, at(30), at(42))
    hear(lane, at(30), at(50))
    assert silences(lane) == [(at(20), at(42))]


def test_before_the_list_was_ever_read_there_is_no_silence(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        Recovery.objects.update(read_until=None)
    hear(lane, at(500), at(501))
    assert silences(lane) == []


def test_a_delivery_ends_a_silence(lane: Lane) -> None:
    other = new_lane("other")
    RecoveryFactory(connection=other.connection, workspace=other.workspace, read_until=THEN)
    for each in (lane, other):
        known(each, connected_at=THEN, last_delivery_at=at(3))
    before = timezone.now()
    lane.put(event("evt_1", "customer.created", {"id": "cus_1", "object": "customer"}))
    drain(lane.number)
    ((starts, ends),) = silences(lane)
    assert starts == at(3)
    assert before < ends <= timezone.now()
    lane.put(event("evt_2", "customer.created", {"id": "cus_2", "object": "customer"}))
    drain(lane.number)
    assert len(silences(lane)) == 1
    assert silences(other) == []


def test_after_disconnecting_nobody_listens(lane: Lane) -> None:
    with scope(lane.workspace):
        connections.disconnect(lane.connection)
    ((starts, ends),) = silences(lane)
    assert (starts, abs(timezone.now() - ends) < MINUTE) == (THEN, True)


def test_what_waited_long_is_known_by_its_batches(lane: Lane) -> None:
    for minute, processed in ((0, 9), (1, 30), (2, 30), (5, 31), (6, None)):
        InboxEventFactory(
            connection=lane.connection,
            workspace=lane.workspace,
            mode=lane.connection.mode,
            state="done" if processed else "pending",
            tries=1 if processed else 0,
            received_at=at(minute),
            processed_at=processed and at(processed),
        )
    foreign = new_lane("other")
    InboxEventFactory(
        connection=foreign.connection, workspace=foreign.workspace, received_at=THEN, processed_at=at(60), tries=1
    )
    assert behind(lane, at(0), at(99)) == [Behind(at(1), at(30), waited=True), Behind(at(5), at(31), waited=True)]
    assert behind(lane, at(30), at(99)) == [Behind(at(5), at(31), waited=True)]


def test_what_somebody_lets_in_again_did_not_wait(lane: Lane) -> None:
    lane.put(b"no json")
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.update(received_at=timezone.now() - 9 * MINUTE)
    drain(lane.number)
    with scoped_transaction(lane.workspace) as workspace_id:
        InboxEvent.objects.update(received_at=THEN)
        assert quarantine.replay(workspace_id, Mode.TEST, by="x", now=timezone.now())
        assert freshness(workspace_id, Mode.TEST).pending_since is None
    drain(lane.number)
    assert [one for one in behind(lane, THEN, timezone.now()) if one.waited] == []


def test_it_is_one_query_and_each_mode_has_its_own(lane: Lane) -> None:
    SilenceFactory(connection=lane.connection, workspace=lane.workspace, mode=Mode.LIVE)
    SilenceFactory(connection=lane.connection, workspace=lane.workspace, starts=at(10), ends=at(30))
    with scoped_transaction(lane.workspace) as workspace_id, CaptureQueriesContext(connection) as queries:
        found = behind_between(workspace_id, Mode.TEST, THEN - MONTH, at(99))
    assert (found, len(queries)) == ([Behind(at(10), at(30))], 1)
