"""What was read enters the inbox in bulk: in order, sealed, once, and without arming what is set aside."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Customer
from billing.modes import Mode
from integrations.models import Connection, InboxEvent
from integrations.stripe.drain import drain
from integrations.stripe.intake import known_ids, put, read_event
from pqintel.workspaces.tenancy import scoped_transaction

from .lanes import SECOND, Lane, event, new_lane

pytestmark = pytest.mark.django_db(transaction=True)


def customer(number: int) -> dict[str, object]:
    return {"id": f"cus_{number}", "object": "customer", "created": SECOND, "email": f"c{number}@example.com"}


def created(number: int) -> dict[str, object]:
    return event(f"evt_{number}", "customer.created", customer(number))


@pytest.fixture
def lane() -> Lane:
    return new_lane()


def test_events_come_in_order_and_once(lane: Lane) -> None:
    events = [created(number) for number in (3, 1, 2)]
    with (
        scoped_transaction(lane.workspace),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        assert put(lane.connection, events, recovered=True) == {"evt_1", "evt_2", "evt_3"}
        assert put(lane.connection, [created(1), created(4)], recovered=True) == {"evt_4"}
        assert put(lane.connection, []) == set()
    assert len([q for q in queries if "INSERT" in q["sql"]]) == 2
    with scoped_transaction(lane.workspace):
        rows = list(InboxEvent.objects.order_by("pk"))
        assert known_ids(lane.workspace.pk, Mode.TEST, ["evt_4", "evt_5"]) == {"evt_4"}
        assert known_ids(lane.workspace.pk, Mode.LIVE, ["evt_4"]) == set()
    assert [row.event_id for row in rows] == ["evt_3", "evt_1", "evt_2", "evt_4"]
    assert {(row.recovered, row.proves, row.state) for row in rows} == {(True, False, "pending")}
    assert json.loads(lane.open(rows[0])) == events[0]
    assert b"c3@example.com" not in bytes(rows[0].body or b"")


def test_what_is_quarantined_or_dismissed_stays_so(lane: Lane) -> None:
    for number, state in ((1, "quarantined"), (2, "dismissed")):
        lane.put(created(number))
        with scoped_transaction(lane.workspace):
            InboxEvent.objects.filter(event_id=f"evt_{number}").update(state=state, reason="Because.")
    with scoped_transaction(lane.workspace):
        assert put(lane.connection, [created(1), created(2)], recovered=True) == set()
    assert lane.states() == {"evt_1": "quarantined", "evt_2": "dismissed"}


def test_recovered_events_are_no_deliveries(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        put(lane.connection, [created(1)], recovered=True)
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        found = Connection.objects.get()
    assert lane.states() == {"evt_1": "done"}
    assert (found.last_delivery_at, found.signing_state) == (None, "unproven")


def test_a_list_that_was_read_is_one_event(lane: Lane) -> None:
    read = {"object": "list", "data": [customer(1), customer(2)], "has_more": False}
    with scoped_transaction(lane.workspace):
        (event_id,) = put(lane.connection, [read_event(Mode.TEST, read, datetime.fromtimestamp(SECOND, UTC))])
    assert event_id.startswith("pqread_")
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        assert sorted(Customer.objects.values_list("stripe_id", "position")) == [
            ("cus_1", 2 * SECOND),
            ("cus_2", 2 * SECOND),
        ]
