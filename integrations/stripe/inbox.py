"""The durable store of verified events: claiming batches of them, and saying what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from integrations.models import SILENT_AFTER, InboxState
from pqintel.vault import unseal

from .freshness import SILENCE_ENDS
from .intake import EVENT_PREFIX
from .selftest import SELFTEST_PREFIX

BATCH: Final = 500
SMALL_BATCH: Final = 50
WEIGHT: Final = 6_000_000
"""Bytes of a batch: as many as 500 rather long events have, or some pages of a hundred objects each."""
SOLO_TRIES: Final = 3
"""How often a worker may die on an event alone before it is quarantined unseen."""

# The oldest events that wait, 500 or 6 MB of them. What a worker died on before (tries > 0) comes in smaller batches,
# 500 -> 50 -> 1, and the rest never waits behind it longer than its own turn. `tries` is committed before anything is
# tried. MATERIALIZED, because before the first ANALYZE the planner expects one row and would compute `size` for each.
_CLAIM: Final = f"""
WITH head AS MATERIALIZED (
    SELECT id, tries, row_number() OVER oldest AS n, first_value(tries) OVER oldest AS first,
        sum(weight) OVER oldest AS weight
    FROM (
        SELECT id, tries, octet_length(body) AS weight FROM integrations_inboxevent
        WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND state = 'pending' ORDER BY id LIMIT {BATCH}
    ) waiting
    WINDOW oldest AS (ORDER BY id)
),
size AS MATERIALIZED (
    SELECT least(
        greatest(count(*) FILTER (WHERE weight <= {WEIGHT}), 1),
        min(n) FILTER (WHERE (tries > 0) <> (first > 0)) - 1,
        min({SMALL_BATCH}) FILTER (WHERE first = 1),
        min(1) FILTER (WHERE first > 1)
    ) AS n
    FROM head
)
UPDATE integrations_inboxevent
SET tries = tries + 1, solo_tries = solo_tries + ((SELECT n FROM size) = 1)::int
WHERE workspace_id = %(ws)s AND id = ANY (ARRAY(SELECT id FROM head WHERE n <= (SELECT n FROM size)))
RETURNING id, event_id, body, tries, solo_tries, proves, received_at, recovered
"""  # noqa: S608 - the numbers are ours
# The connection's last delivery is noted by the way, with the silence that it ends, and deliveries are counted for
# diagnostics: in the same statement, because every visit does it. How long they took is counted of first tries alone,
# so that no replay blurs it.
_SETTLE: Final = f"""
WITH silent AS ({SILENCE_ENDS}),
noted AS (
    UPDATE integrations_connection
    SET last_delivery_at = %(until)s,
        signing_state = CASE WHEN %(proves)s THEN 'proven' ELSE signing_state END,
        signing_at = CASE WHEN %(proves)s THEN %(now)s ELSE signing_at END
    WHERE workspace_id = %(ws)s AND id = %(connection)s
),
settled AS (
    UPDATE integrations_inboxevent e
    SET state = r.state, reason = r.reason, event_type = r.type, api_version = r.version,
        happened_at = to_timestamp(r.happened_at), processed_at = %(now)s,
        body = CASE WHEN r.state = 'quarantined' THEN e.body END
    FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS r(id bigint, state text, reason text, type text, version text, happened_at double precision)
    WHERE e.workspace_id = %(ws)s AND e.id = r.id AND e.id = ANY (%(ids)s)
    RETURNING e.connection_id, e.event_id, e.event_type, e.api_version, e.state, e.reason, e.received_at, e.tries,
        e.recovered
),
delivered AS (
    SELECT * FROM settled
    WHERE NOT recovered AND NOT starts_with(event_id, %(selftest)s) AND NOT starts_with(event_id, %(read)s)
),
counted AS (
    INSERT INTO integrations_deliverycount AS c
        (workspace_id, connection_id, hour, event_type, api_version, state, count, last_at)
    SELECT %(ws)s, connection_id, date_trunc('hour', %(now)s, 'UTC'), left(coalesce(event_type, ''), 100),
        left(coalesce(api_version, ''), 40), state, count(*), max(received_at)
    FROM delivered GROUP BY 2, 4, 5, 6
    ON CONFLICT (workspace_id, connection_id, hour, event_type, api_version, state) DO UPDATE
    SET count = c.count + excluded.count, last_at = greatest(c.last_at, excluded.last_at)
),
timed AS (
    INSERT INTO integrations_deliverylag AS l (workspace_id, connection_id, hour, bucket, count)
    SELECT %(ws)s, connection_id, date_trunc('hour', %(now)s, 'UTC'),
        ceil(2 * ln(greatest(1000 * extract(epoch FROM %(now)s - received_at)::float8, 1)) / ln(2::float8)), count(*)
    FROM delivered WHERE tries = 1 GROUP BY 2, 4
    ON CONFLICT (workspace_id, connection_id, hour, bucket) DO UPDATE SET count = l.count + excluded.count
)
SELECT event_id, event_type, reason FROM settled WHERE state = 'quarantined'
"""  # noqa: S608 - no word of it comes from outside
_MOVE: Final = """
UPDATE integrations_inboxevent SET state = %s WHERE workspace_id = %s AND connection_id = %s AND state = %s
"""
_WAITS: Final = "SELECT inbox_waits(%s, %s)"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event a worker is about to process."""

    id: int
    event_id: str
    sealed: bytes
    tries: int
    solo_tries: int
    proves: bool
    received_at: datetime
    recovered: bool

    def open(self, workspace_id: int) -> bytes:
        """The body as it was signed. Raises SealError."""
        return unseal(self.sealed, "integrations_inboxevent", "body", workspace_id, self.event_id)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The newest real delivery of a batch; `proves`: one of the batch was signed with the current signing secret."""

    connection_id: UUID
    at: datetime
    proves: bool


class SetAside(NamedTuple):
    """An event that went into quarantine, and why."""

    event_id: str
    event_type: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event. `reason` is shown to people; it never quotes the payload."""

    id: int
    state: InboxState
    reason: str | None = None
    type: str | None = None
    version: str | None = None
    happened_at: int | None = None

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": str(self.state),
            "reason": self.reason,
            "type": self.type,
            "version": self.version,
            "happened_at": self.happened_at,
        }


def claim(workspace_id: int, connection_id: UUID) -> list[Claimed]:
    """The next batch of a lane, oldest first, its tries counted; commit before working on it."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"ws": workspace_id, "conn": connection_id})
        rows = cursor.fetchall()
    return sorted(
        (Claimed(i, event, bytes(body or b""), *rest) for i, event, body, *rest in rows),
        key=lambda claimed: claimed.id,
    )


def settle(
    workspace_id: int, verdicts: Iterable[Verdict], now: datetime, delivered: Delivered | None = None
) -> list[SetAside]:
    """Write verdicts and note a delivery. Wipes payloads, except those of quarantined events. One statement.

    Returns what went into quarantine.
    """
    rows = [verdict.row() for verdict in verdicts]
    if not rows:
        return []
    values: dict[str, Any] = {
        "ws": workspace_id,
        "now": now,
        "rows": json.dumps(rows),
        "ids": [row["id"] for row in rows],
        "connection": delivered.connection_id if delivered else None,
        "until": delivered.at if delivered else None,
        "silent": SILENT_AFTER,
        "proves": bool(delivered and delivered.proves),
        "selftest": SELFTEST_PREFIX,
        "read": EVENT_PREFIX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, values)
        return [SetAside(*row) for row in cursor.fetchall()]


def waits(workspace_id: int, connection_id: UUID) -> bool:
    """Whether any event of the lane waits. One statement, in a transaction of the workspace or in none."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, (workspace_id, connection_id))
        row = cursor.fetchone()
    return bool(row and row[0])


def hold(workspace_id: int, connection_id: UUID) -> None:
    """Set the waiting events aside, sealed, until the workspace's plan includes the integration again."""
    _move(workspace_id, connection_id, InboxState.PENDING, InboxState.HELD)


def release(workspace_id: int, connection_id: UUID) -> None:
    """Let held events wait for a worker again."""
    _move(workspace_id, connection_id, InboxState.HELD, InboxState.PENDING)


def _move(workspace_id: int, connection_id: UUID, before: InboxState, after: InboxState) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, (after, workspace_id, connection_id, before))
