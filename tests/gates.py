"""Two writers that overlap in the worst order, every time: the first stops before its first write to a table, having
read already what it decides by; the second does all it may meanwhile; then the first goes on.

PostgreSQL does the stopping: a trigger lets a session that asked for it wait for a lock that the test holds. What runs
is what runs in production.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection

GATE: Final = 0x6A7E
WITHOUT_LANES: Final = "without_lanes"
PATIENCE_SECONDS: Final = 60

_MAKE: Final = f"""
CREATE FUNCTION stop_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tests.stops_at', true) = TG_TABLE_NAME THEN
        PERFORM pg_advisory_xact_lock_shared({GATE});
    END IF;
    RETURN NULL;
END
$$;
CREATE SCHEMA {WITHOUT_LANES};
GRANT USAGE ON SCHEMA {WITHOUT_LANES} TO PUBLIC;
CREATE FUNCTION {WITHOUT_LANES}.pg_try_advisory_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION {WITHOUT_LANES}.pg_advisory_unlock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
"""
_STOPS: Final = "CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION stop_at_gate()"
_FORGET: Final = f"DROP FUNCTION IF EXISTS stop_at_gate CASCADE; DROP SCHEMA IF EXISTS {WITHOUT_LANES} CASCADE"
_WAITS: Final = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)"


class Writer(threading.Thread):
    """Does one thing with a database session of its own.

    `lanes` False: to this session PostgreSQL says of every lane that it is free, as if nobody took the lock.
    """

    def __init__(self, work: Callable[[], Any], *, stops_at: str = "", lanes: bool = True) -> None:
        super().__init__(daemon=True)
        self.answer: Any = None
        self.error: BaseException | None = None
        self._work, self._stops_at, self._lanes = work, stops_at, lanes
        self._session: int | None = None

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                if not self._lanes:
                    cursor.execute(f"SET search_path = {WITHOUT_LANES}, pg_catalog, public")
                cursor.execute("SELECT set_config('tests.stops_at', %s, false), pg_backend_pid()", (self._stops_at,))
                _, self._session = cursor.fetchone() or ("", None)
            self.answer = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for this writer
            self.error = error
        finally:
            connection.close()

    def stands(self) -> bool:
        """Waits until it waits for a lock, or is done; whether it waits. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_alive():
            if self._session is not None and _waits(self._session):
                return True
            if time.monotonic() >= until:
                raise TimeoutError("A writer neither ends nor waits for a lock.")
            time.sleep(0.01)
        return False

    def done(self) -> Any:
        """What it answered, once it is done. Raises what it raised."""
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.answer


@contextmanager
def gate_at(table: str) -> Iterator[None]:
    """While it lasts, writers can be made to stop at a table. Must be entered outside a transaction."""
    with connection.as_owner(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_FORGET)
        cursor.execute(_MAKE)
        cursor.execute(_STOPS.format(table))
    try:
        yield
    finally:
        with connection.as_owner(), connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(_FORGET)


def overlap(first: Callable[[], Any], table: str, second: Callable[[], Any], *, lanes: bool = True) -> tuple[Any, Any]:
    """Let the first stop before it writes to a table, the second begin, and both come to an end; what they answered."""
    with gate_at(table):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        one, two = Writer(first, stops_at=table, lanes=lanes), Writer(second, lanes=lanes)
        try:
            one.start()
            stood = one.stands()
            if stood:
                two.start()
                two.stands()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
        answer = one.done()
        assert stood, f"it never wrote to {table}"
        return answer, two.done()


def _waits(session: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, (session,))
        row = cursor.fetchone()
    return bool(row and row[0])
