"""Valkey that dies, forgets, or hangs. It carries only doorbells: nothing may depend on it but promptness."""

from __future__ import annotations

from .burst import Burst
from .conftest import Check
from .nemesis import frozen, kill_valkey
from .stage import Stage, scaled, until
from .tenants import new_tenants

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
