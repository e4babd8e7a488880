"""Beat's sweeps: what was never rung for is found, with two schedulers too, and without one only lost rings wait."""

from __future__ import annotations

from .burst import Burst
from .conftest import Check
from .stage import BEAT, Stage, until
from .tenants import all_done, history, new_tenants


def test_events_whose_ring_was_lost_are_found(stage: Stage) -> None:
    tenants = new_tenants(3)
    for tenant in tenants:
        tenant.put(history())
    until("the sweep finds them", lambda: all_done(tenants))


def test_without_beat_deliveries_are_processed_and_lost_rings_wait_for_its_return(stage: Stage, check: Check) -> None:
    stage.beat.kill()
    delivered, forgotten = new_tenants(2)
    forgotten.put(history())
    with Burst(stage, [delivered]) as burst:
        pass
    check([burst], [delivered])
    assert forgotten.waiting() == len(history())
    stage.beat.start()
    until("the sweep finds them", lambda: all_done([forgotten]))


def test_two_schedulers_do_no_harm(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    with stage.another("second-beat", BEAT) as second:
        until("the second scheduler sweeps", lambda: "sweep-inbox" in second.last_words())
        with Burst(stage, tenants) as burst:
            pass
        check([burst], tenants)
