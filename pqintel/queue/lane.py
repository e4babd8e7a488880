"""A lane's lock: at most one worker at a time, anywhere, released when its database connection ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

log = logging.getLogger(__name__)


class Work(IntEnum):
    """What a lane is held for. Each is a lock of its own: who reads for a lane does not keep others from writing.

    The numbers keep our advisory locks apart from anybody else's in the same database.
    """

    WRITING = 0x5051 << 44
    BACKFILL = 0x5052 << 44
    DELIVERING = 0x5053 << 44
    REACTING = 0x5054 << 44
    ANSWERING = 0x5055 << 44
    LETTERS = 0x5056 << 44
    CARDS = 0x5057 << 44
    WAITING = 0x5058 << 44
    TELLING = 0x5059 << 44


@contextmanager
def hold_lane(lane: int, work: Work = Work.WRITING, seconds: float = 0) -> Iterator[bool]:
    """Try to hold a lane; gives whether it is held. Never waits, or for so many seconds at most: who waits has it next,
    before whoever only tries.

    Must be entered outside a transaction: what is written must be committed before the next one holds the lane. Raises
    RuntimeError otherwise.

    The lock belongs to the database session, not to a transaction: it spans the batches, and a killed worker's lock
    goes with its connection (a vanished host's after `tcp_user_timeout`).
    """
    blocks = connection.atomic_blocks
    # As Django tells for its durable blocks: the transaction that a test is in counts for nothing.
    if blocks and not blocks[-1]._from_testcase:  # type: ignore[attr-defined]  # the stubs do not know it
        raise RuntimeError("A lane is to be held outside a transaction.")
    held = _wait(work + lane, seconds) if seconds else _try(work + lane)
    try:
        yield held
    except BaseException:
        if held:
            _release(work + lane, failing=True)
        raise
    if held:
        _release(work + lane)


def wait_for_lane(lane: int, work: Work, *, shared: bool = False) -> None:
    """Wait for a lane and hold it until the transaction ends: alone, or together with others that share it.

    For what is brief, and must not be given up because somebody else is at it. Must run in a transaction.
    """
    sql = "SELECT pg_advisory_xact_lock_shared(%s)" if shared else "SELECT pg_advisory_xact_lock(%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, (work + lane,))


def _try(lock: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (lock,))
        row = cursor.fetchone()
    return bool(row and row[0])


def _wait(lock: int, seconds: float) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:  # the timeout ends with it, the lock does not
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{seconds * 1000:.0f}ms",))
            cursor.execute("SELECT pg_advisory_lock(%s)", (lock,))
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True


def _release(lock: int, *, failing: bool = False) -> None:
    """Let go of a lock. `failing`: what ends the block is on its way out, and no lost connection shall hide it.

    Else one that was lost is raised: the lanes around this one went with it, and nobody may go on as if he held them.
    """
    if connection.connection is None or connection.connection.closed:
        return  # a broken or re-made connection holds nothing any more
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", (lock,))
    except BaseException as error:
        connection.close()  # it outlives the task, and the lock must not
        if not (failing and isinstance(error, DatabaseError)):
            raise
        log.warning("Lane: let go by closing the connection (%s).", error)
