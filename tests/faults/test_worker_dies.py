"""Workers that are killed in the middle of their work."""

from __future__ import annotations

import os
import signal
from typing import Any

import psycopg

from integrations.stripe.inbox import SOLO_TRIES

from .burst import Burst
from .conftest import Check
from .nemesis import blocked, held_up, lanes_held, ring, worker_of_blocked
from .stage import Stage, scaled, until
from .tenants import all_done, new_tenants, newcomers

MIDDLE = "billing_syncstate"
"""The last table that a batch writes: who waits for it has written everything else and committed nothing."""


def test_a_killed_worker_loses_nothing_and_does_nothing_twice(stage: Stage, check: Check) -> None:
    tenants = new_tenants(3)
    with Burst(stage, tenants) as burst:
        for _ in range(scaled(3)):
            with held_up(stage, MIDDLE) as database:
                until("a worker is in the middle of a batch", lambda: blocked(database))
                stage.worker.kill()
            stage.worker.start()
    check([burst], tenants)


def test_a_killed_pool_child_is_replaced_and_its_work_done_once(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    survivor = stage.worker.pid
    with Burst(stage, tenants) as burst:
        for _ in range(scaled(2)):
            with held_up(stage, MIDDLE) as database:
                until("a child is in the middle of a batch", lambda: worker_of_blocked(stage, database))
                child = worker_of_blocked(stage, database)
                assert child is not None
                os.kill(child, signal.SIGKILL)
    check([burst], tenants)
    assert (stage.worker.running, stage.worker.pid) == (True, survivor)


def test_a_killed_workers_lane_is_free_although_its_statement_goes_on(stage: Stage, check: Check) -> None:
    tenants = new_tenants(1)
    with Burst(stage, tenants) as burst, held_up(stage, MIDDLE) as database:
        until("a worker is in the middle of a batch", lambda: blocked(database))
        stage.worker.kill()
        until("the lane is free", lambda: lanes_held(database) == 0, seconds=30)
    stage.worker.start()
    check([burst], tenants)


def test_an_event_on_which_workers_die_is_set_aside_and_stops_nobody(stage: Stage) -> None:
    poisoned, other = new_tenants(2)
    deadly, harmless = newcomers(2)
    poisoned.put([deadly])
    for _ in range(SOLO_TRIES):
        with held_up(stage, MIDDLE) as database:
            ring(stage, poisoned.lane)
            kill_child(stage, database)
    ring(stage, poisoned.lane)
    poisoned.put([harmless])
    other.put([harmless])
    until("both tenants' lanes are empty", lambda: all_done([poisoned, other]))
    assert poisoned.states() == {deadly.event_id: "quarantined", harmless.event_id: "done"}
    assert other.states() == {harmless.event_id: "done"}


def kill_child(stage: Stage, database: psycopg.Connection[Any]) -> None:
    """SIGKILL to the pool child that is in the middle of a batch."""
    child = None

    def caught() -> bool:
        nonlocal child
        child = worker_of_blocked(stage, database)
        return child is not None

    until("a child is in the middle of a batch", caught)
    assert child is not None
    os.kill(child, signal.SIGKILL)
