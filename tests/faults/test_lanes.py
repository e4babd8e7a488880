"""A lane has one worker at a time, an event is one row, and no tenant waits for another's backlog."""

from __future__ import annotations

import time
from datetime import datetime

from integrations.models import InboxEvent
from pqintel.simulator.delivery import Conditions
from pqintel.workspaces.tenancy import scoped_transaction

from .burst import Burst
from .conftest import Check
from .nemesis import ring
from .stage import WORKER, Stage, scaled, until
from .tenants import Tenant, all_done, history, new_tenant, new_tenants, newcomers
from .trace import steps


def test_two_workers_never_meet_in_a_lane(stage: Stage, check: Check) -> None:
    tenants = new_tenants(3)
    with stage.another("second", [*WORKER, "--concurrency", "2", "--hostname", "second@%h"]) as second:
        until("the second worker is ready", lambda: "ready" in second.last_words())
        with Burst(stage, tenants) as burst:
            while burst.accepted() < len(tenants) * len(history()):
                for tenant in tenants:
                    ring(stage, tenant.lane, 2)
                time.sleep(0.05)
        trace = check([burst], tenants)
    for tenant in tenants:
        assert len({step.worker for step in trace if step.lane == (tenant.workspace.pk, "test")}) > 1


def test_one_event_delivered_a_hundred_times_is_one_row_and_one_effect(stage: Stage) -> None:
    tenant = new_tenant()
    parcel = history()[0]
    with Burst(stage, [tenant], Conditions(copies=100, concurrency=8, attempts=1), [parcel]) as burst:
        pass
    assert burst.statuses() == {200: 100}
    until("it is done", lambda: all_done([tenant]))
    assert tenant.states() == {parcel.event_id: "done"}
    with stage.owner() as database:
        settled = [s.events for s in steps(database) if s.lane[0] == tenant.workspace.pk and s.step == "settle"]
    assert settled == [1]


def test_a_backlog_of_one_tenant_does_not_starve_the_others(stage: Stage) -> None:
    """With a single worker process, and many rings for the large tenant, as a burst of deliveries leaves them.

    The backlog is more than several visits of a second can hold, on a quick machine too.
    """
    stage.worker.terminate()
    assert stage.worker.wait() == 0
    with stage.redis() as queue:
        queue.flushall()
    large, *small = new_tenants(13)
    large.put(newcomers(scaled(16_000)))
    for tenant in small:
        tenant.put(newcomers(1))
    ring(stage, large.lane, 30)
    for tenant in small:
        ring(stage, tenant.lane)
    with stage.another("alone", [*WORKER, "--concurrency", "1"]):
        until("everybody's events are dealt with", lambda: all_done([large, *small]))
    last = max(processed(tenant)[-1] for tenant in small)
    behind = [moment for moment in processed(large) if moment > last]
    assert len(behind) >= 500


def processed(tenant: Tenant) -> list[datetime]:
    """When each of a tenant's events was dealt with, the earliest first."""
    with scoped_transaction(tenant.workspace):
        return list(InboxEvent.objects.order_by("processed_at").values_list("processed_at", flat=True))
