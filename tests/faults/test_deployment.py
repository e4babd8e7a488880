"""SIGTERM under load, as a deployment sends it: what was begun is finished, what comes meanwhile is delivered again."""

from __future__ import annotations

from .burst import Burst
from .conftest import Check
from .nemesis import blocked, held_up, local_ports, number
from .stage import Stage, scaled, until
from .tenants import new_tenants, parts
from .test_worker_dies import MIDDLE

BEGUN = "SELECT count(*) FROM integrations_inboxevent WHERE state = 'pending' AND tries > 0"


def test_the_web_server_finishes_the_requests_it_has(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    with Burst(stage, tenants) as burst:
        for _ in range(scaled(1)):
            before = burst.accepted()
            until("deliveries flow", lambda: burst.accepted() > before + 20)  # noqa: B023
            with held_up(stage, "integrations_inboxevent") as database:
                until("deliveries are being stored", lambda: blocked(database, "inbox_receive") > 1)
                accepted, under_way = burst.accepted(), blocked(database, "inbox_receive")
                stage.web.terminate()
                until("it listens no more", lambda: stage.port not in local_ports(stage.web.pid))
            assert stage.web.wait() == 0
            assert burst.accepted() >= accepted + under_way
            stage.start_programs()
    check([burst], tenants)


def test_the_worker_finishes_the_batch_it_has(stage: Stage, check: Check) -> None:
    tenants, bursts = new_tenants(2), []
    for part in parts(scaled(1)):
        with held_up(stage, MIDDLE) as database, Burst(stage, tenants, parcels=part) as burst:
            until("a worker is in the middle of a batch", lambda: blocked(database))
            told = warm_shutdowns(stage)
            stage.worker.terminate()
            until("the worker knows that it shall end", lambda: warm_shutdowns(stage) > told)  # noqa: B023
        bursts.append(burst)
        assert set(burst.statuses()) == {200}
        assert stage.worker.wait() == 0
        with stage.owner() as database:
            assert number(database, BEGUN) == 0
        stage.worker.start()
    check(bursts, tenants)


def warm_shutdowns(stage: Stage) -> int:
    """How often a worker has told that it ends when its work is done."""
    return stage.home.log("worker").read_text().count("Warm shutdown")
