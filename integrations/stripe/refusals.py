"""Counts refused deliveries in memory, and writes the counts every half second: nothing else of them is kept."""

from __future__ import annotations

import logging
import os
import threading
import time
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
        self._lock = threading.Lock()
        self._pid: int | None = None

    def count(self, workspace_id: int, connection_id: UUID, reason: str) -> None:
        """Count one refusal; it is on disk within a second. Returns at once."""
        with self._lock:
            self._counts[workspace_id, connection_id, reason] += 1
            if self._pid != os.getpid():  # nobody writes yet in this process; threads do not survive a fork
                self._pid = os.getpid()
                threading.Thread(target=self._serve, name="refusals", daemon=True).start()

    def count_unknown(self) -> None:
        with self._lock:
            self.unknown += 1

    def flush(self) -> None:
        """Write what was counted. Raises django.db.Error; what was not written is kept then."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        now = datetime.now(UTC)
        try:
            for place in sorted(counts, key=str):
                self._write(place, counts[place], now)
                del counts[place]
        finally:
            with self._lock:
                self._counts.update(counts)

    @staticmethod
    def _write(place: Place, count: int, now: datetime) -> None:
        workspace_id, connection_id, reason = place
        hour = now.replace(minute=0, second=0, microsecond=0)
        try:
            with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_ADD, (workspace_id, connection_id, reason, hour, count, now))
        except IntegrityError:
            log.info("A connection was deleted before its refused deliveries were counted.")

    def _serve(self) -> None:
        """Write until there is nothing left to write; the next refusal starts this anew."""
        while True:
            time.sleep(FLUSH_SECONDS)
            try:
                self.flush()
            except DatabaseError as error:  # the database is away; the counts wait
                log.warning("Refused deliveries could not be counted yet (%s).", type(error).__name__)
            connection.close()
            with self._lock:
                if not self._counts:
                    self._pid = None
                    return


refusals = Refusals()
