"""An endpoint that is down for days, while others of its events are dropped or lost after they were acknowledged.

Recovery brings the state to that of a workspace which got everything, and the numbers to the simulator's own truth.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.models import HistoryEntry
from integrations.models import Connection, InboxEvent, Recovery
from integrations.stripe.drain import drain
from integrations.stripe.recovery import recover
from integrations.stripe.translate.handlers import EVENTS
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.delivery import Conditions, Deliverer, pack
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.soak.comparing import differences, dump, reported, told

from .lanes import Lane, new_lane
from .test_order_freedom import answers_for

pytestmark = pytest.mark.django_db(transaction=True)

SEED = 21
START = 1_780_000_000
DROPPED, LOST = 0.10, 0.05
DOWN = range(START + 12 * DAY, START + 15 * DAY)


@pytest.fixture
def simulation(settings: Any) -> Iterator[Simulation]:
    """Three weeks of a company."""
    account = Account(SEED, START)
    saas_year(account, START + 21 * DAY, customers=30)
    account.advance(account.now + 120)
    print(f"seed {SEED}, {len(account.events)} events")
    with Simulation(account, seed=SEED) as simulated:
        settings.STRIPE_API_BASE = simulated.url
        yield simulated


def lane_for(simulation: Simulation, slug: str) -> Lane:
    """Connected since the account began."""
    lane = new_lane(slug, secret_key=simulation.restricted_key)
    with scoped_transaction(lane.workspace):
        Connection.objects.update(connected_at=datetime.fromtimestamp(START, UTC))
        lane.connection.refresh_from_db()
    return lane


def deliver(simulation: Simulation, server: LiveServer, lane: Lane, conditions: Conditions, *, down: bool) -> set[str]:
    """Over HTTP, but for what happens while the endpoint is down; the ids of what was dropped on its way."""
    events = [event for event in simulation.account.events if not (down and event.created in DOWN)]
    report = Deliverer(server.url + lane.path, [lane.secret.decode()], conditions).deliver(
        pack(events, simulation.family)
    )
    assert (report.refused, report.abandoned) == ({}, frozenset())
    return set(report.dropped)


def lose(lane: Lane) -> int:
    """Acknowledged, in the inbox, and gone."""
    chance = random.Random(SEED)
    with scoped_transaction(lane.workspace):
        rows = list(InboxEvent.objects.order_by("pk").values_list("pk", flat=True))
        lost = [pk for pk in rows if chance.random() < LOST]
        InboxEvent.objects.filter(pk__in=lost).delete()
    return len(lost)


def work(lane: Lane) -> None:
    """A worker, until nothing waits. It asks Stripe nothing: both workspaces get the same answers."""
    while drain(lane.number).events:
        pass


def test_an_outage_leaves_no_trace(simulation: Simulation, live_server: LiveServer) -> None:
    whole, hurt = lane_for(simulation, "whole"), lane_for(simulation, "hurt")
    deliver(simulation, live_server, whole, Conditions(ordered=True), down=False)
    work(whole)
    answers = answers_for(whole)

    dropped = deliver(simulation, live_server, hurt, Conditions(drop=DROPPED, seed=SEED), down=True)
    lost = lose(hurt)
    work(hurt)
    missing = {e.id for e in simulation.account.events if e.type in EVENTS} - hurt.states().keys()
    print(f"{len(dropped)} dropped, {lost} lost, {len(missing)} missing in all")
    assert differences(dump(whole.workspace), dump(hurt.workspace)) != []

    with scope(hurt.workspace):
        done = recover(hurt.connection)
    assert (done.found, done.gap, done.failure, done.more) == (len(missing), None, None, False)
    work(hurt)
    hurt.put(*answers)
    work(hurt)
    assert set(hurt.states().values()) <= {"done", "ignored"}
    assert differences(dump(whole.workspace), dump(hurt.workspace)) == []
    account = simulation.account
    for at in (START + 11 * DAY, START + 13 * DAY, START + 16 * DAY, account.now):
        assert reported(hurt.workspace, at) == told(simulation.truth, at)

    deliver(simulation, live_server, hurt, Conditions(), down=False)  # Stripe's own retries, days later
    work(hurt)
    with scope(hurt.workspace):
        assert recover(hurt.connection).found == 0
    assert differences(dump(whole.workspace), dump(hurt.workspace)) == []
    with scoped_transaction(hurt.workspace):
        facts = list(HistoryEntry.objects.filter(is_change=False).values_list("event_id", "kind", "object_id"))
        assert Recovery.objects.get().found == len(missing)
    assert len(facts) == len(set(facts))
