"""How long this process waits for an answer of PostgreSQL before it gives the connection up.

PostgreSQL's own `statement_timeout` needs a server that works, and `tcp_user_timeout` a network that does not: a server
that hangs (a stopped process, a disk that does not answer) keeps its connections open, and silent, without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

T = TypeVar("T")

PATIENCE_SECONDS = 70.0
"""For everybody who asks for nothing else: longer than statement_timeout, which is the better answer."""
POLL_SECONDS = 0.1
"""psycopg's own: how often a wait looks up, for signals (Celery's time limits, Ctrl-C) and for the limit here."""

_patience: ContextVar[float] = ContextVar("patience", default=PATIENCE_SECONDS)


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Statements in this block that are not answered in time raise OperationalError, and their connection is lost."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


class Connection(psycopg.Connection[Any]):
    """Waits no longer than that for the server. What became of the statement meanwhile, nobody knows."""

    def wait(self, gen: PQGen[T], interval: float = POLL_SECONDS, timeout: float | None = None) -> T:
        """As psycopg's, with a limit where the caller sets none."""
        try:
            return super().wait(gen, interval, _patience.get() if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # the answer is still to come
                self.pgconn.finish()
            raise
