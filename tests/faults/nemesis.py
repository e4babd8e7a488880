"""The faults themselves. Everything is done to processes of the stage alone, by their ids."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from celery import current_app
from django.db import connection

from pqintel.embedded.leash import alive, send
from pqintel.queue import RUNG

from .stage import Stage, children, until

_HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE %s
"""
_BLOCKED_PORTS = """
SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes that do not move (SIGSTOP) and do not hang up either, for the length of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            send(pid, signal.SIGCONT)


def postgres_tree(stage: Stage) -> list[int]:
    """PostgreSQL's processes, the first one first."""
    postgres, _ = stage.server_processes()
    return [postgres.pid, *children(postgres.pid)]


def kill_postgres(stage: Stage) -> None:
    """SIGKILL to all of PostgreSQL at once: nothing is written any more, nobody is told."""
    connection.close()
    pids = postgres_tree(stage)
    for pid in pids:
        send(pid, signal.SIGKILL)
    until("PostgreSQL is dead", lambda: not any(alive_here(stage, pid) for pid in pids))


def stop_postgres_fast(stage: Stage) -> None:
    """A restart's first half: every session is ended in the middle of what it does, then the server."""
    connection.close()
    postgres, _ = stage.server_processes()
    send(postgres.pid, signal.SIGINT)
    until("PostgreSQL has stopped", lambda: not postgres.alive())


def kill_valkey(stage: Stage) -> None:
    _, valkey = stage.server_processes()
    send(valkey.pid, signal.SIGKILL)
    until("Valkey is dead", lambda: not valkey.alive())


def alive_here(stage: Stage, pid: int) -> bool:
    """Whether a process lives; collects it if it is the server that we are the parent of."""
    postgres, _ = stage.server_processes()
    return postgres.alive() if pid == postgres.pid else alive(pid)


@contextmanager
def held_up(stage: Stage, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Whoever writes to the table waits until the block ends: a place to catch somebody in the middle of his work.

    Gives another connection, to look on with: within a transaction the statistics stand still.
    """
    with stage.owner() as holder, stage.owner() as onlooker, holder.transaction():
        holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield onlooker


def blocked(database: psycopg.Connection[Any], doing: str = "") -> int:
    """How many sessions wait for a lock now, with a statement that holds these words."""
    return number(database, _BLOCKED, f"%{doing}%")


def worker_of_blocked(stage: Stage, database: psycopg.Connection[Any]) -> int | None:
    """The pool child of the worker whose session waits for a lock now, if there is one."""
    ports = {row[0] for row in database.execute(_BLOCKED_PORTS).fetchall()}
    return next((child for child in stage.worker.children() if ports & local_ports(child)), None)


def local_ports(pid: int) -> set[int]:
    """The local TCP ports of a process's sockets; none of a process that is gone."""
    sockets = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            sockets.add(str(descriptor.readlink()))
    except (FileNotFoundError, ProcessLookupError):  # one of them was closed meanwhile, or all: look again
        return local_ports(pid) if alive(pid) else set()
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in sockets}


def lanes_held(database: psycopg.Connection[Any]) -> int:
    """How many lanes are locked by a worker now."""
    return number(database, _HELD)


def number(database: psycopg.Connection[Any], sql: str, *values: object) -> int:
    """The one number that a query gives."""
    row = database.execute(sql, values).fetchone()
    assert row is not None
    return int(row[0])


def ring(stage: Stage, lane: int, times: int = 1) -> None:
    """Ring a lane's doorbell, as often as that."""
    with current_app.connection_for_write(stage.valkey.url()) as queue:
        for _ in range(times):
            current_app.send_task(
                "integrations.tasks.drain", args=[lane], queue="drain", connection=queue, headers={RUNG: time.time()}
            )
