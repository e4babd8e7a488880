"""Counts refused deliveries in memory, and writes the counts every half second: nothing else of them is kept."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import IntegrityError, connection, transaction

from pqintel.workspaces.tenancy import scope

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
_ADD = """
INSERT INTO integrations_refuseddelivery AS r (workspace_id, connection_id, reason, hour, count, last_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace_id, connection_id, reason, hour) DO UPDATE
SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)
"""

Place = tuple[int, UUID, str]
"""Workspace id, connection id, reason."""


class Refusals:
    """One per process. `unknown` counts deliveries to URLs that are nobody's."""

    def __init__(self) -> None:
        self.unknown = 0
        self._counts: Counter[Place] = Counter()
        self._last: dict[Place, datetime] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def count(self, workspace_id: int, connection_id: UUID, reason: str) -> None:
        """Count one refusal; it is on disk within a second. Returns at once."""
        with self._lock:
            self._counts[workspace_id, connection_id, reason] += 1
            self._last[workspace_id, connection_id, reason] = datetime.now(UTC)
            if self._thread is None or not self._thread.is_alive():  # a parent's thread does not survive a fork
                self._ending = threading.Event()
                self._thread = threading.Thread(target=self._serve, args=(self._ending,), name="refusals", daemon=True)
                self._thread.start()

    def count_unknown(self) -> None:
        with self._lock:
            self.unknown += 1

    def flush(self) -> None:
        """Write what was counted. Raises django.db.Error; what was not written is kept then."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            last, self._last = self._last, {}
        try:
            for place in sorted(counts, key=str):
                self._write(place, counts[place], last[place])
                del counts[place]
        finally:
            with self._lock:
                self._counts.update(counts)
                self._last = {**{place: last[place] for place in counts}, **self._last}

    def finish(self, seconds: float = 3.0) -> None:
        """Write what was counted now, and end the thread that does: its process ends. Waits so long at most.

        What cannot be written stays counted; the next refusal starts a thread again.
        """
        with self._lock:
            thread, ending = self._thread, self._ending
        ending.set()
        if thread is not None:
            thread.join(seconds)

    @staticmethod
    def _write(place: Place, count: int, last_at: datetime) -> None:
        workspace_id, connection_id, reason = place
        hour = last_at.replace(minute=0, second=0, microsecond=0)
        try:
            with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_ADD, (workspace_id, connection_id, reason, hour, count, last_at))
        except IntegrityError:
            log.info("A connection was deleted before its refused deliveries were counted.")

    def _serve(self, ending: threading.Event) -> None:
        """Write until there is nothing left to write; the next refusal starts this anew."""
        while True:
            is_last = ending.wait(FLUSH_SECONDS)
            try:
                self.flush()
            except DatabaseError as error:  # the database is away; the counts wait
                log.warning("Refused deliveries could not be counted yet (%s).", type(error).__name__)
                is_over = is_last
            else:
                is_over = False
            connection.close()
            with self._lock:
                if is_over or not self._counts:
                    self._thread = None
                    return


refusals = Refusals()
atexit.register(refusals.finish)
