"""From the inbox to billing state by one worker process: a dense backlog, a sparse one, and a long history."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.stripe.webhook import doorbell
from pqintel.embedded.supervisor import Program
from pqintel.simulator.delivery import Parcel
from pqintel.vault import seal

from . import floors
from .floors import Connection
from .tenants import Tenant

PATIENCE_SECONDS = 120.0

_WAITING = "SELECT count(*) FROM integrations_inboxevent WHERE state = 'pending'"
_RECEIVE = "SELECT inbox_receive(%s, %s, 'test', %s, %b, true)"
_COUNT = """
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE r.rolname = 'pq_app'
"""


@dataclass(frozen=True)
class Drained:
    """A backlog's way into billing state: events, seconds, and every statement that the worker sent meanwhile."""

    events: int
    seconds: float
    statements: int
    began: datetime

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def statements_per_event(self) -> float:
        return self.statements / self.events


@contextmanager
def held(worker: Program) -> Iterator[None]:
    """Keep a worker from working, all of its processes, so that a backlog grows."""
    assert worker.handle is not None
    os.killpg(worker.handle.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(worker.handle.pid, signal.SIGCONT)


def waiting(connection: Connection) -> int:
    """How many events wait for a worker."""
    row = connection.execute(_WAITING).fetchone()
    return int(row[0]) if row else 0


def wait_until_drained(connection: Connection) -> None:
    """Raises RuntimeError when the backlog does not end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting(connection):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker does not get through its backlog")
        time.sleep(0.01)


def put(connection: Connection, tenant: Tenant, parcels: Sequence[Parcel]) -> None:
    """Store events in a tenant's inbox as the webhook does, without going through it."""
    workspace_id = tenant.workspace.pk
    with connection.transaction():
        for parcel in parcels:
            sealed = seal(parcel.body, floors.INBOX, "body", workspace_id, parcel.event_id)
            connection.execute(_RECEIVE, (workspace_id, tenant.connection_id, parcel.event_id, sealed))


def drain(connection: Connection, worker: Program, lanes: Sequence[int]) -> Drained:
    """Let a held worker go on the waiting backlog of these lanes, and wait for its end."""
    events = waiting(connection)
    connection.execute("SELECT pg_stat_statements_reset()")
    began = _now(connection)
    assert worker.handle is not None
    doorbell.ring(*lanes)
    started = time.perf_counter()
    os.killpg(worker.handle.pid, signal.SIGCONT)
    wait_until_drained(connection)
    seconds = time.perf_counter() - started
    time.sleep(0.2)  # what a visit does after its last commit belongs to it
    row: Any = connection.execute(_COUNT).fetchone()
    return Drained(events, seconds, row[0], began)


def _now(connection: Connection) -> datetime:
    row: Any = connection.execute("SELECT clock_timestamp()").fetchone()
    instant: datetime = row[0]
    return instant
