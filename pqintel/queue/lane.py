"""A lane's lock: at most one worker at a time, anywhere, released when its database connection ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_SPACE = 0x5051 << 44
"""Keeps our advisory locks apart from anybody else's in the same database."""


@contextmanager
def hold_lane(lane: int) -> Iterator[bool]:
    """Try to hold a lane; gives whether it is held. Never waits. Must be entered outside a transaction.

    The lock belongs to the database session, not to a transaction: it spans the batches, and a killed worker's lock
    goes with its connection (a vanished host's after `tcp_user_timeout`).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (_SPACE + lane,))
        row = cursor.fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        # A broken or re-made connection holds nothing any more.
        if held and connection.connection is not None and not connection.connection.closed:
            _release(lane)


def _release(lane: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", (_SPACE + lane,))
    except BaseException:
        connection.close()  # it outlives the task, and the lock must not
        raise
