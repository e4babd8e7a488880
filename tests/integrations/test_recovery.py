"""Events that never arrived are read back: all of them, each once, whatever the API's weather; a gap is reported."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import HistoryEntry
from billing.modes import Mode
from integrations.models import Connection, Gap, InboxEvent, Recovery
from integrations.stripe import pages as paging
from integrations.stripe.client import StripeReader
from integrations.stripe.drain import drain
from integrations.stripe.recovery import Recovered, recover, status
from pqintel.simulator.clock import DAY, HOUR
from pqintel.simulator.render import render_event
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ConnectionFactory, GapFactory, RecoveryFactory

from .lanes import Lane, new_lane

pytestmark = pytest.mark.django_db(transaction=True)

START = 1_790_000_000


@pytest.fixture
def stripe(settings: Any) -> Iterator[Simulation]:
    with Simulation(seed=8, start=START) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


@pytest.fixture
def lane(stripe: Simulation) -> Lane:
    return lane_of(stripe)


def lane_of(stripe: Simulation, slug: str = "acme") -> Lane:
    """A workspace that was connected when the account's clock began."""
    lane = new_lane(slug, secret_key=stripe.restricted_key)
    with scoped_transaction(lane.workspace):
        Connection.objects.update(connected_at=datetime.fromtimestamp(START, UTC))
        lane.connection.refresh_from_db()
    return lane


def live(stripe: Simulation, customers: int, *, pause: int = 60) -> None:
    """As many customers come, one every `pause` seconds, and then two minutes pass."""
    for number in range(customers):
        stripe.account.advance(stripe.account.now + pause)
        stripe.account.create_customer(name=f"Customer {number}")
    stripe.account.advance(stripe.account.now + 120)


def read_back(lane: Lane, **words: Any) -> Recovered:
    with scope(lane.workspace):
        return recover(lane.connection, **words)


def row(lane: Lane) -> Recovery:
    with scoped_transaction(lane.workspace):
        return Recovery.objects.get()


def ids(stripe: Simulation) -> set[str]:
    return {event.id for event in stripe.account.events}


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def near(moment: datetime | None, second: int) -> bool:
    """Whether a moment is that second, but for what a question takes on its way."""
    return moment is not None and timedelta() <= at(second) - moment <= timedelta(seconds=2)


def test_what_was_not_delivered_is_read_back_once(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 8)
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events[::2]))
    done = read_back(lane)
    assert (done.found, done.missed, done.gap, done.more, done.failure) == (4, 0, None, False, None)
    assert set(lane.states()) == ids(stripe)
    with scoped_transaction(lane.workspace):
        assert InboxEvent.objects.filter(recovered=True).count() == 4
    assert near(row(lane).read_until, stripe.account.now - 60)
    drain(lane.number)
    assert read_back(lane).found == 0
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events))  # Stripe tries again after all
    assert drain(lane.number).events == 0


def test_events_of_the_last_minute_are_left_to_their_deliveries(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 1)
    young = stripe.account.create_customer(name="Young")
    stripe.account.advance(stripe.account.now + 58)
    assert read_back(lane).found == 1
    stripe.account.advance(stripe.account.now + 4)
    assert read_back(lane).found == 1
    assert young.id in {event.after.id for event in stripe.account.events if event.id in lane.states()}


def test_events_that_show_late_in_the_list_are_found_by_the_overlap(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 1)
    read_back(lane)
    stripe.account.create_customer(name="Shown late")
    stripe.faults.change(events_lag=600)
    stripe.account.advance(stripe.account.now + 300)
    assert read_back(lane).found == 0
    assert near(row(lane).read_until, stripe.account.now - 60)
    stripe.account.advance(stripe.account.now + 400)
    assert read_back(lane).found == 1


def test_acknowledged_and_then_lost_is_found_by_comparing_ids(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 6)
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events))
    stripe.acknowledged.update(ids(stripe))
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id=stripe.account.events[2].id).delete()
    assert read_back(lane).found == 1
    assert set(lane.states()) == ids(stripe)


def test_only_types_that_teach_something_are_put_into_the_inbox(stripe: Simulation, lane: Lane) -> None:
    account = stripe.account
    price = account.create_price(account.create_product("Team").id, unit_amount=4900)
    account.subscribe(account.create_customer(name="Ada").id, [price.id])
    account.advance(account.now + 120)
    done = read_back(lane)
    types = {event.id: event.type for event in account.events}
    assert "charge.succeeded" in types.values()
    assert {types[i].split(".")[0] for i in lane.states()} == {
        "customer", "product", "price", "invoice", "invoice_payment", "payment_intent",
    }  # fmt: skip
    required = ("customer.subscription.created", "invoice.paid", "payment_intent.succeeded")
    assert (done.found, done.missed) == (len(lane.states()), len(required))


def test_a_long_outage_is_read_slice_by_slice_and_goes_on_where_it_ended(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 250, pause=20 * 60)  # three and a half days
    seen = []
    while read_back(lane, seconds=0).more:
        seen.append((row(lane).read_until, len(lane.states())))
        assert row(lane).due_at <= datetime.now(UTC)
    assert len(seen) == 9  # slices of six hours, until one page holds the rest
    assert seen == sorted(seen)
    assert set(lane.states()) == ids(stripe)
    with scoped_transaction(lane.workspace):
        happened = [e.event_id for e in InboxEvent.objects.order_by("pk")]
    assert happened == [event.id for event in stripe.account.events]  # the oldest first
    assert row(lane).found == 250


def test_bad_weather_and_repeated_pages(stripe: Simulation, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAUSES", (0.0,) * 4)
    live(stripe, 250)
    stripe.faults.change(limit_every=2, fail_every=3)
    assert read_back(lane).found == 250
    assert set(lane.states()) == ids(stripe)


def test_a_failure_is_said_and_the_next_run_is_complete(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 5)
    stripe.keys.revoke(stripe.restricted_key)
    done = read_back(lane)
    assert done.failure == (
        "Stripe does not accept the key. Make a new one at Stripe and paste it under Settings, Integrations, Stripe."
    )
    found = row(lane)
    assert (found.read_until, found.failures, found.failure) == (None, 1, done.failure)
    assert timedelta(minutes=4) < found.due_at - datetime.now(UTC) < timedelta(minutes=7)
    for _ in range(8):
        read_back(lane)
    assert timedelta(minutes=59) < row(lane).due_at - datetime.now(UTC) < timedelta(minutes=62)
    stripe.keys.add(stripe.restricted_key)
    assert (read_back(lane).found, row(lane).failures, row(lane).failure) == (5, 0, None)


def test_a_missing_permission_is_named(stripe: Simulation, lane: Lane) -> None:
    stripe.keys.add(stripe.restricted_key, {"rak_customer_read"})
    assert "rak_event_read" in (read_back(lane).failure or "")


def test_one_worker_at_a_time_and_a_dead_ones_lease_ends(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 1)
    now = datetime.now(UTC)
    RecoveryFactory(connection=lane.connection, read_until=at(START), busy_until=now + timedelta(minutes=4))
    assert read_back(lane).busy
    assert lane.states() == {}
    with scoped_transaction(lane.workspace):
        Recovery.objects.update(busy_until=now - timedelta(seconds=1))
    assert read_back(lane).found == 1
    assert row(lane).busy_until is None


def test_down_for_less_than_thirty_days_leaves_no_gap(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 3)
    read_back(lane)
    live(stripe, 29 * 4, pause=DAY // 4)
    assert read_back(lane).gap is None
    assert set(lane.states()) == ids(stripe)


def test_down_for_thirty_one_days_is_a_gap_that_is_reported_once(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 3)
    read_back(lane)
    was_read = row(lane).read_until
    live(stripe, 31 * 4, pause=DAY // 4)
    done = read_back(lane)
    assert done.gap is not None
    starts, ends = done.gap
    assert starts == was_read
    assert near(ends, stripe.account.now - 30 * DAY)
    kept = {event.id for event in stripe.account.events if event.created >= stripe.account.now - 30 * DAY}
    assert set(lane.states()) >= kept
    lost = ids(stripe) - lane.states().keys()
    assert lost
    assert {event.id for event in stripe.account.events if starts < at(event.created) < ends} == lost
    assert read_back(lane).gap is None
    with scoped_transaction(lane.workspace):
        (gap,) = Gap.objects.all()
        (line,) = HistoryEntry.objects.filter(kind="sync.gap")
    assert (gap.starts, gap.ends) == (starts, ends)
    assert line.after == {"starts": starts.isoformat(), "ends": ends.isoformat()}
    assert (line.event_id, line.happened_at) == (f"pqgap_{int(starts.timestamp())}", gap.found_at)
    assert line.learnt_at == gap.found_at
    with scoped_transaction(lane.workspace):
        assert [found.ends for found in status(lane.workspace.pk, Mode.TEST).gaps] == [ends]


def test_a_quiet_account_after_a_long_outage_has_its_gap_too(stripe: Simulation, lane: Lane) -> None:
    stripe.account.advance(stripe.account.now + 40 * DAY)
    starts, ends = read_back(lane).gap or (None, None)
    assert starts == at(START)
    assert near(ends, START + 10 * DAY)
    assert near(row(lane).read_until, stripe.account.now - 60)


def test_reading_again_from_an_earlier_day_leaves_the_place_alone(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 10, pause=HOUR)
    read_back(lane)
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id=stripe.account.events[0].id).delete()
    place = row(lane).read_until
    assert read_back(lane).found == 0
    done = read_back(lane, since=at(START))
    assert (done.found, done.gap) == (1, None)
    assert row(lane).read_until == place


def test_other_workspaces_and_the_other_mode_are_let_alone(stripe: Simulation, lane: Lane) -> None:
    other = lane_of(stripe, "other")
    live_side = new_lane("acme", Mode.LIVE)
    live(stripe, 3)
    events = [render_event(e, stripe.family) for e in stripe.account.events]
    other.put(*events[:2])
    live_side.put(*events[:2])  # the same ids, on the other side: they must not count as known
    assert read_back(lane).found == 3
    assert len(other.states()) == 2
    with scoped_transaction(lane.workspace):
        assert InboxEvent.objects.filter(mode=Mode.TEST, recovered=True).count() == 3
        assert InboxEvent.objects.filter(mode=Mode.LIVE).count() == 2
    RecoveryFactory(connection=ConnectionFactory(workspace=other.workspace, mode=Mode.LIVE), found=99)
    GapFactory(connection=other.connection)
    GapFactory(connection=live_side.connection)
    with scoped_transaction(lane.workspace):
        told = status(lane.workspace.pk, Mode.TEST)
    assert (told.found, told.gaps) == (3, ())


def test_statements_do_not_grow_with_events(stripe: Simulation, lane: Lane) -> None:
    def statements(customers: int) -> int:
        live(stripe, customers)
        with CaptureQueriesContext(connection) as queries:
            assert read_back(lane).found == customers
        return len(queries)

    read_back(lane)
    assert statements(80) == statements(2) < 25


def test_a_run_asks_one_question_when_little_happened(
    stripe: Simulation, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(stripe, 3)
    asked: list[str] = []
    ask = StripeReader.ask
    monkeypatch.setattr(
        StripeReader, "ask", lambda self, path, **words: (asked.append(path), ask(self, path, **words))[1]
    )
    read_back(lane)
    assert asked == ["/v1/events"]


def test_random_losses_leave_no_trace(stripe: Simulation, lane: Lane) -> None:
    live(stripe, 300, pause=900)
    chance = random.Random(4)
    lane.put(*(render_event(e, stripe.family) for e in stripe.account.events if chance.random() < 0.85))
    assert read_back(lane).found > 20
    assert set(lane.states()) == ids(stripe)
