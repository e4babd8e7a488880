"""Valkey that dies, forgets, or hangs. It carries only doorbells: nothing may depend on it but promptness."""

from __future__ import annotations

from .burst import Burst
from .conftest import Check
from .nemesis import blocked, frozen, held_up, kill_valkey
from .stage import Stage, scaled, until, within
from .tenants import history, new_tenants

ALONE = "Cannot connect to redis"
"""What Celery says once it has put the lost connection away and finds no other."""
MIDDLE = "billing_syncstate"
"""The last table that a batch writes: who waits for it is in the middle of his work."""
ROUNDS = scaled(3)
PROMISED_SECONDS = 1.0
"""Every delivery is acknowledged within this time although Valkey hangs: a promise of the product."""


def test_consumption_resumes_when_valkey_was_killed_and_emptied(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    with Burst(stage, tenants) as burst:
        for _ in range(scaled(2)):
            before = burst.accepted()
            until("deliveries flow", lambda: burst.accepted() > before + 20)  # noqa: B023
            kill_valkey(stage)
            until("deliveries flow without Valkey", lambda: burst.accepted() > before + 60)  # noqa: B023
            stage.start_servers()
            with stage.redis() as queue:
                queue.flushall()
    assert set(burst.statuses()) == {200}
    check([burst], tenants)
    assert stage.worker.running
    assert stage.beat.running


def test_a_worker_outlives_valkey_that_dies_while_it_works(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    survivors = [stage.worker.pid, *stage.worker.children()]
    bursts = []
    for number in range(ROUNDS):
        alone = stage.worker.said(ALONE)
        with held_up(stage, MIDDLE) as database:
            with Burst(stage, tenants, parcels=history()[number::ROUNDS]) as burst:
                until("a worker is in the middle of a batch", lambda: blocked(database))
            kill_valkey(stage)
            # A worker that was about to begin anew waits without a word.
            within(5, lambda: stage.works() and stage.worker.said(ALONE) > alone)  # noqa: B023
        stage.start_servers()
        bursts.append(burst)
    check(bursts, tenants)
    assert [stage.worker.pid, *stage.worker.children()] == survivors


def test_while_valkey_hangs_every_delivery_is_acknowledged_in_time(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    _, valkey = stage.server_processes()
    with frozen(valkey.pid), Burst(stage, tenants) as burst:
        pass
    assert set(burst.statuses()) == {200}
    assert max(answer.seconds for answer in burst.answers) < PROMISED_SECONDS
    check([burst], tenants)
    assert stage.worker.running
    assert stage.beat.running
