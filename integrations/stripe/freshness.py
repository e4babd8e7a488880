"""How far Stripe is known: for whoever must not judge numbers that are behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.models import ConnectionStatus

WATCHED: Final = (ConnectionStatus.CONNECTED, ConnectionStatus.BROKEN)

_FRESHNESS: Final = """
SELECT c.status, c.connected_at, CASE WHEN r.read_until IS NOT NULL
           THEN greatest(r.read_until, c.last_delivery_at, c.connected_at) END,
       (SELECT min(e.received_at) FROM integrations_inboxevent e
        WHERE e.workspace_id = c.workspace_id AND e.connection_id = c.id AND e.state = 'pending')
FROM integrations_connection c
LEFT JOIN integrations_recovery r ON r.workspace_id = c.workspace_id AND r.mode = c.mode
WHERE c.workspace_id = %s AND c.mode = %s
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """`heard_at`: up to when all events are known, or one came; None where the list of events was never read.

    `pending_since`: when the event came that has waited longest for being processed; None: none waits.
    """

    watched: bool = False
    connected_at: datetime | None = None
    heard_at: datetime | None = None
    pending_since: datetime | None = None


def freshness(workspace_id: int, mode: Mode) -> Freshness:
    """One query. Must run in scope."""
    rows = fetch(_FRESHNESS, (workspace_id, str(mode)))
    if not rows:
        return Freshness()
    ((status, connected_at, heard_at, pending_since),) = rows
    return Freshness(status in WATCHED, connected_at, heard_at, pending_since)
