"""One history in every payload family, in order and in disorder: one state, and the numbers that the simulator has.

Through the real endpoint over HTTP, with several workers at once. `make soak` does the same with a whole year.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from integrations.models import InboxEvent
from integrations.stripe import reads
from integrations.stripe.drain import drain
from pqintel.simulator.delivery import Conditions
from pqintel.simulator.render import Family
from pqintel.simulator.render.families import FAMILIES
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.integrations.lanes import Lane, new_lane
from tests.soak.comparing import differences, dump, month_ends, reported, told

SEED = 11
SIZE = 25
SENDERS = 8
WORKERS = 3
FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=[family.version for family in FAMILIES])


@pytest.fixture
def simulation(settings: Any) -> Iterator[Simulation]:
    """A short, crowded life: all statuses, half of its happenings in the second of the one before."""
    account = random_lifecycle(SEED, SIZE, stacked_discounts=False)
    print(f"seed {SEED}, {len(account.events)} events")
    with Simulation(account, seed=SEED) as simulated:
        settings.STRIPE_API_BASE = simulated.url
        yield simulated


@contextmanager
def workers(lane: Lane) -> Iterator[None]:
    """Workers in threads that all want this lane, until nothing waits at the end of the block."""
    over = threading.Event()

    def work() -> None:
        try:
            while True:
                ending = over.is_set()
                if not drain(lane.number).events and ending:
                    return
        finally:
            connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        while drain(lane.number).events:  # what came while the last of them held the lane
            pass


def lane_for(simulation: Simulation, slug: str) -> Lane:
    return new_lane(slug, secret_key=simulation.restricted_key)


def deliver(simulation: Simulation, server: LiveServer, lane: Lane, family: Family, conditions: Conditions) -> None:
    report = simulation.deliver(server.url + lane.path, conditions, family=family, secrets=[lane.secret.decode()])
    assert (report.refused, report.abandoned) == ({}, frozenset())


def answers_for(lane: Lane) -> list[dict[str, Any]]:
    """Make every read that is open, until none is; what the API answered, as it came into the inbox."""
    answers: list[dict[str, Any]] = []
    while True:
        with connection.cursor() as cursor, scoped_transaction(lane.workspace):
            cursor.execute("UPDATE integrations_read SET due_at = now() WHERE done_at IS NULL")
        with scope(lane.workspace):
            made, _ = reads.answer_due(lane.connection)
        if not made:
            return answers
        with scoped_transaction(lane.workspace):
            waiting = InboxEvent.objects.filter(state="pending").order_by("pk")
            answers += [json.loads(lane.open(row)) for row in waiting]
        while drain(lane.number).events:
            pass


@FAMILY
@pytest.mark.django_db(transaction=True)
def test_order_copies_and_shape_leave_no_trace(family: Family, simulation: Simulation, live_server: LiveServer) -> None:
    ordered, disordered = lane_for(simulation, "ordered"), lane_for(simulation, "disordered")
    with workers(ordered):
        deliver(simulation, live_server, ordered, family, Conditions(ordered=True))
    answers = answers_for(ordered)
    seed = SEED + FAMILIES.index(family)
    print(f"disorder {seed}, {len(answers)} reads")
    with workers(disordered):
        disordered.put(*answers[::2])
        conditions = Conditions(concurrency=SENDERS, copies=3, shuffle=-1, seed=seed)
        deliver(simulation, live_server, disordered, family, conditions)
        disordered.put(*answers[1::2])

    states = set(ordered.states().values()) | set(disordered.states().values())
    assert states <= {"done", "ignored"}
    assert differences(dump(ordered.workspace), dump(disordered.workspace)) == []
    account = simulation.account
    for at in month_ends(account.start, account.now):
        assert reported(ordered.workspace, at) == told(simulation.truth, at)
        assert reported(disordered.workspace, at) == told(simulation.truth, at)
