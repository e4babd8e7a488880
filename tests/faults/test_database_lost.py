"""PostgreSQL that is restarted, dies, hangs or has no room: 503 meanwhile, and nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import psycopg
import pytest
from django.db import connection

from .burst import Burst
from .conftest import Check
from .nemesis import frozen, kill_postgres, postgres_tree, stop_postgres_fast
from .stage import Stage, scaled, until
from .tenants import new_tenants

_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize("end", [stop_postgres_fast, kill_postgres])
def test_a_restart_under_load_loses_nothing(stage: Stage, check: Check, end: Callable[[Stage], None]) -> None:
    tenants = new_tenants(2)
    with Burst(stage, tenants) as burst:
        for _ in range(scaled(2)):
            before = burst.statuses()
            until("deliveries flow", lambda: burst.accepted() > before[200] + 20)  # noqa: B023
            end(stage)
            until("deliveries are put off", lambda: burst.statuses()[503] > before[503] + 3)  # noqa: B023
            stage.start_servers()
    assert set(burst.statuses()) == {200, 503}
    check([burst], tenants)
    assert [program.name for program in stage.programs if not program.running] == []


def test_a_database_that_hangs_is_answered_for_by_503(stage: Stage, check: Check) -> None:
    tenants = new_tenants(1)
    connection.close()
    with Burst(stage, tenants) as burst:
        until("deliveries flow", lambda: burst.accepted() > 20)
        with frozen(*postgres_tree(stage)):
            until("deliveries are put off", lambda: burst.statuses()[503] > 1)
    assert set(burst.statuses()) == {200, 503}
    check([burst], tenants)


def test_without_a_free_connection_deliveries_are_put_off(stage: Stage, check: Check) -> None:
    tenants = new_tenants(1)
    connection.close()
    with ExitStack() as taken:
        with stage.owner() as database:
            database.execute(_END_OTHERS)
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            take_all(stage, taken)
        with Burst(stage, tenants) as burst:
            until("deliveries are put off", lambda: burst.statuses()[503] > 3)
            taken.close()
    assert set(burst.statuses()) == {200, 503}
    check([burst], tenants)


def take_all(stage: Stage, taken: ExitStack) -> None:
    """Connect until that is refused."""
    while True:
        taken.enter_context(stage.owner())
