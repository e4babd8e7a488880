"""What is counted of deliveries, and what is forgotten after its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.modes import Mode
from integrations.models import ConnectionChange, DeliveryCount, DeliveryLag, InboxEvent, Read, RefusedDelivery
from integrations.stripe import quarantine, retention
from integrations.stripe.drain import drain
from integrations.stripe.intake import put, read_event
from integrations.stripe.selftest import build_event
from integrations.tasks import forget
from pqintel.workspaces.tenancy import everywhere, scoped_transaction
from tests.factories import (
    DeliveryCountFactory,
    DeliveryLagFactory,
    InboxEventFactory,
    ReadFactory,
    RefusedDeliveryFactory,
)

from .lanes import Lane, event, new_lane
from .test_drain import created, customer

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()


@pytest.fixture
def lane() -> Lane:
    return new_lane()


def counts(lane: Lane) -> set[tuple[str, str, str, int]]:
    with scoped_transaction(lane.workspace):
        rows = DeliveryCount.objects.filter(connection=lane.connection)
        return set(rows.values_list("event_type", "api_version", "state", "count"))


def lags(lane: Lane) -> list[tuple[int, int]]:
    with scoped_transaction(lane.workspace):
        return list(DeliveryLag.objects.order_by("bucket").values_list("bucket", "count"))


def test_deliveries_are_counted_by_type_version_and_end(lane: Lane) -> None:
    dahlia = {"api_version": "2026-03-25.dahlia"}
    lane.put(created(1, **dahlia), created(2, **dahlia), created(3), b"no json")
    drain(lane.number)
    lane.put(
        created(1, **dahlia), created(4, **dahlia), event("evt_x", "radar.early_fraud_warning.created", {"object": "x"})
    )
    drain(lane.number)
    assert counts(lane) == {
        ("customer.created", "2026-03-25.dahlia", "done", 3),
        ("customer.created", "", "done", 1),
        ("", "", "quarantined", 1),
        ("radar.early_fraud_warning.created", "", "ignored", 1),
    }
    assert sum(count for _, count in lags(lane)) == 6
    with scoped_transaction(lane.workspace):
        hours = {row.hour for row in DeliveryCount.objects.all()} | {row.hour for row in DeliveryLag.objects.all()}
        last = DeliveryCount.objects.get(state="ignored").last_at
        assert last == InboxEvent.objects.get(event_id="evt_x").received_at
    assert {(hour.minute, hour.second, hour.microsecond) for hour in hours} == {(0, 0, 0)}
    assert lane.states()["evt_1"] == "done"


def test_a_test_event_a_read_and_a_recovered_event_are_no_deliveries(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        put(lane.connection, [read_event("test", customer(1), NOW)])
        put(lane.connection, [created(2)], recovered=True)
    lane.put(build_event(lane.connection, NOW)[1])
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id__startswith="sha256:").update(state="done")
    drain(lane.number)
    assert set(lane.states().values()) == {"done"}
    assert (counts(lane), lags(lane)) == (set(), [])


def test_how_long_it_took_is_counted_by_powers_of_the_root_of_two_and_of_first_tries_alone(lane: Lane) -> None:
    lane.put(created(1), created(2), b"no json")
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id="evt_1").update(received_at=timezone.now() - timedelta(seconds=90))
        InboxEvent.objects.filter(event_id="evt_2").update(received_at=timezone.now() + timedelta(seconds=9))
    drain(lane.number)
    found = dict(lags(lane))
    assert found.pop(33) == 1  # 2^(32/2) ms = 65.5 s < 90 s <= 2^(33/2) ms = 92.7 s
    assert found.pop(0) == 1  # a clock that was ahead
    assert sum(found.values()) == 1
    with scoped_transaction(lane.workspace):
        quarantine.replay(lane.workspace.pk, Mode.TEST, by="x", now=NOW)
    drain(lane.number)
    assert sum(count for _, count in lags(lane)) == 3
    assert ("", "", "quarantined", 2) in counts(lane)


def test_counting_costs_no_statement(lane: Lane) -> None:
    lane.put(created(1))
    with CaptureQueriesContext(connection) as queries:
        drain(lane.number)
    assert [q["sql"] for q in queries if "deliverycount" in q["sql"] and "inboxevent" not in q["sql"]] == []


def test_only_what_came_to_an_end_long_ago_is_forgotten(lane: Lane) -> None:
    other = new_lane("other")
    old, young = NOW - timedelta(days=45, minutes=1), NOW - timedelta(days=44)
    kept = set()
    for each in (lane, other):
        for state in ("done", "ignored", "rejected", "dismissed"):
            InboxEventFactory(connection=each.connection, state=state, received_at=old)
        for state in ("pending", "held", "quarantined"):
            kept.add(InboxEventFactory(connection=each.connection, state=state, received_at=old).pk)
    for each in (lane, other):
        kept.add(InboxEventFactory(connection=each.connection, state="done", received_at=young).pk)
    assert retention.forget_events(NOW, batch=3) == 8
    with everywhere("test"):
        assert set(InboxEvent.objects.values_list("pk", flat=True)) == kept
    assert retention.forget_events(NOW) == 0


def test_a_run_is_bounded_and_the_next_goes_on(lane: Lane) -> None:
    for _ in range(7):
        InboxEventFactory(connection=lane.connection, state="done", received_at=NOW - timedelta(days=50))
    assert [retention.forget_events(NOW, batch=2, most=4) for _ in range(3)] == [4, 3, 0]


def test_counts_refusals_and_closed_questions_are_forgotten_in_every_workspace(lane: Lane) -> None:
    for each in (lane, new_lane("other")):
        here: dict[str, Any] = {"connection": each.connection}
        for days in (30, 32):
            DeliveryCountFactory(**here, hour=NOW - timedelta(days=days))
            DeliveryLagFactory(**here, hour=NOW - timedelta(days=days))
        for days in (44, 46):
            RefusedDeliveryFactory(**here, hour=NOW - timedelta(days=days))
        for done_at in (None, NOW - timedelta(days=6), NOW - timedelta(days=8)):
            ReadFactory(**here, done_at=done_at)
    assert forget() == 8
    with everywhere("test"):
        left = [model.objects.count() for model in (DeliveryCount, DeliveryLag, RefusedDelivery, Read)]
    assert left == [2, 2, 2, 4]
    assert forget() == 0


def test_no_connection_change_is_ever_forgotten(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        ConnectionChange.objects.create(
            workspace=lane.workspace, connection=lane.connection, kind="entered", at=NOW - timedelta(days=4000)
        )
    forget()
    with scoped_transaction(lane.workspace):
        assert ConnectionChange.objects.count() == 1
