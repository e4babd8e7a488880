"""How far Stripe is known, and was: for whoever must not judge numbers that are behind, or tells that they are.

The present is read from the connection and the inbox. The past is what was not as usual: silences, which are written
down as they end, and events that waited long, whose rows tell when they came and when they were processed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.actions.bulk import fetch, run
from billing.modes import Mode
from integrations.models import SILENT_AFTER, ConnectionStatus
from integrations.models.connections import LONG_WAIT

WATCHED: Final = (ConnectionStatus.CONNECTED, ConnectionStatus.BROKEN)

_FRESHNESS: Final = """
SELECT c.status, c.connected_at, CASE WHEN r.read_until IS NOT NULL
           THEN greatest(r.read_until, c.last_delivery_at, c.connected_at) END,
       (SELECT min(e.received_at) FROM integrations_inboxevent e
        WHERE e.workspace_id = c.workspace_id AND e.connection_id = c.id AND e.state = 'pending' AND e.tries = 0)
FROM integrations_connection c
LEFT JOIN integrations_recovery r ON r.workspace_id = c.workspace_id AND r.mode = c.mode
WHERE c.workspace_id = %s AND c.mode = %s
"""
# To be run, or made part of a statement, that makes Stripe known up to `until`: as yet the old state stands there.
SILENCE_ENDS: Final = """
INSERT INTO integrations_silence (workspace_id, connection_id, mode, starts, ends)
SELECT c.workspace_id, c.id, c.mode, known.until, %(now)s
FROM integrations_connection c
JOIN integrations_recovery r ON r.workspace_id = c.workspace_id AND r.mode = c.mode AND r.read_until IS NOT NULL
CROSS JOIN LATERAL (SELECT greatest(r.read_until, c.last_delivery_at, c.connected_at) AS until) known
WHERE c.workspace_id = %(ws)s AND c.id = %(connection)s
  AND known.until < %(until)s AND %(now)s - known.until > %(silent)s
ON CONFLICT (workspace_id, mode, starts) DO NOTHING
"""
# Replayed events wait because somebody let them in again, long after they came: only first tries count.
_BEHIND: Final = """
SELECT 'heard', starts, ends FROM integrations_silence
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND ends > %(after)s AND starts <= %(until)s
UNION ALL (
    SELECT 'waited', min(received_at), processed_at FROM integrations_inboxevent
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND processed_at > %(after)s AND received_at <= %(until)s
      AND processed_at - received_at > %(wait)s AND tries = 1
    GROUP BY processed_at
)
ORDER BY 3, 2
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """`heard_at`: up to when all events are known, or one came; None where the list of events was never read.

    `pending_since`: when the event came that has waited longest for its first try at being processed; None: none waits.
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


@dataclass(frozen=True, slots=True)
class Behind:
    """A time that is over, in which Stripe was known up to `since` only, or (`waited`) what had come then waited.

    It began at `since` and ended at `ends`. Times overlap, where a backlog was worked off or read back part by part.
    """

    since: datetime
    ends: datetime
    waited: bool = False


def heard(workspace_id: int, connection_id: UUID, until: datetime, now: datetime) -> None:
    """Write down that a silence is over, if there was one: at `now` Stripe becomes known up to `until` (both aware).

    Call it before that is written where `freshness` reads it, in the same transaction. One statement, in scope.
    """
    given = {"ws": workspace_id, "connection": connection_id, "until": until, "now": now, "silent": SILENT_AFTER}
    run(SILENCE_ENDS, given)


def behind_between(workspace_id: int, mode: Mode, after: datetime, until: datetime) -> list[Behind]:
    """The times of more than ten minutes that ended after one aware instant and began before another, by their ends.

    What is not over yet is not among them: `freshness` tells that. One query, by indexes. Must run in scope.
    """
    given = {"ws": workspace_id, "mode": str(mode), "after": after, "until": until, "wait": LONG_WAIT}
    return [Behind(since, ends, what == "waited") for what, since, ends in fetch(_BEHIND, given)]
