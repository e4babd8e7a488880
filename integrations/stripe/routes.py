"""From a webhook URL's token to the connection and its signing secrets, remembered for a few seconds."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from pqintel.vault import unseal

REMEMBER_SECONDS = 5.0
REREAD_SECONDS = 0.2
MOST = 10_000
_TABLE = "integrations_connection"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a delivery goes. `secrets` are the current signing secret and, for 24 h after a change, the one before."""

    workspace_id: int
    connection_id: UUID
    mode: str
    secrets: tuple[bytes, ...] = field(repr=False)
    current: bool
    read_at: float

    def proves(self, index: int) -> bool:
        """Whether a signature by the secret with this index proves the current one."""
        return self.current and index == 0


class Routes:
    """One per process. Thread-safe: entries are immutable and replaced whole."""

    def __init__(self) -> None:
        self._known: dict[bytes, Route] = {}
        self._lock = threading.Lock()

    def find(self, token: str, *, fresher_than: float = REMEMBER_SECONDS) -> Route | None:
        """The route of a token, not older than `fresher_than` seconds; None if the token is nobody's.

        Raises:
            django.db.Error: the database cannot be asked.
            SealError: the secrets cannot be opened with the keys of this process.
        """
        digest = hashlib.sha256(token.encode()).digest()
        route = self._known.get(digest)
        if route is not None and time.monotonic() - route.read_at < fresher_than:
            return route
        route = _read(digest)
        with self._lock:
            if route is None:
                self._known.pop(digest, None)
            else:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[digest] = route
        return route

    def forget(self) -> None:
        """Drop everything remembered."""
        with self._lock:
            self._known.clear()


def _read(digest: bytes) -> Route | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM webhook_route(%s)", (digest,))
        row = cursor.fetchone()
    if row is None:
        return None
    connection_id, workspace_id, mode, secret, previous, previous_until = row
    secrets = []
    for column, sealed in (("webhook_secret", secret), ("previous_webhook_secret", previous)):
        if sealed is not None and (column == "webhook_secret" or _still(previous_until)):
            secrets.append(unseal(bytes(sealed), _TABLE, column, workspace_id, connection_id))
    return Route(workspace_id, connection_id, mode, tuple(secrets), secret is not None, time.monotonic())


def _still(until: datetime | None) -> bool:
    return until is not None and until.timestamp() > time.time()


routes = Routes()
