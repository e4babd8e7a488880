"""How long what was received is remembered: ids of events for 45 days, counts for 31, open questions until answered.

Ids are kept longer than the 30 days for which Stripe lists and redelivers events, so that each is known when it comes
again. Forgetting one would still change nothing: versions and history are unique by event too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from pqintel.workspaces.tenancy import everywhere, scope

EVENTS_KEPT: Final = timedelta(days=45)
COUNTS_KEPT: Final = timedelta(days=31)
"""Also of silences and of channels' outages: previews look back 30 days."""
REFUSALS_KEPT: Final = timedelta(days=45)
READS_KEPT: Final = timedelta(days=7)
"""Of questions that were answered or given up; those of a day are needed not to ask again."""
BATCH: Final = 10_000
MOST: Final = 500_000
"""Rows of the inbox that one run looks at: the next one goes on."""

_FINAL: Final = "('done', 'ignored', 'rejected', 'dismissed')"
# In order of arrival, so that the first young row ends the search: no index of times is needed.
_OLDEST: Final = f"""
SELECT id, workspace_id, received_at < %s, state IN {_FINAL}
FROM integrations_inboxevent WHERE id > %s ORDER BY id LIMIT %s
"""  # noqa: S608 - the words are ours
_FORGET: Final = f"""
DELETE FROM integrations_inboxevent
WHERE workspace_id = %s AND id = ANY(%s) AND received_at < %s AND state IN {_FINAL}
"""  # noqa: S608 - the words are ours
_CONNECTED: Final = "SELECT DISTINCT workspace_id FROM integrations_connection"
_COUNTS: Final = (
    ("DELETE FROM integrations_deliverycount WHERE workspace_id = %s AND hour < %s", COUNTS_KEPT),
    ("DELETE FROM integrations_deliverylag WHERE workspace_id = %s AND hour < %s", COUNTS_KEPT),
    ("DELETE FROM integrations_refuseddelivery WHERE workspace_id = %s AND hour < %s", REFUSALS_KEPT),
    ("DELETE FROM integrations_silence WHERE workspace_id = %s AND ends < %s", COUNTS_KEPT),
    ("DELETE FROM integrations_channeloutage WHERE workspace_id = %s AND ends < %s", COUNTS_KEPT),
    ("DELETE FROM integrations_read WHERE workspace_id = %s AND done_at < %s", READS_KEPT),
)


def forget_events(now: datetime, *, batch: int = BATCH, most: int = MOST) -> int:
    """Delete events that came to an end and are older than 45 days, of all workspaces. Returns how many.

    Looks at `most` rows in batches, the oldest first. What waits, is held or in quarantine stays. Commits batch by
    batch; must run outside a transaction.
    """
    before, after, looked, gone = now - EVENTS_KEPT, 0, 0, 0
    while looked < most:
        with everywhere("the oldest events of the inbox"):
            rows = _fetch(_OLDEST, (before, after, batch))
        ended: dict[int, list[int]] = {}
        for event, workspace_id, old, final in rows:
            if old and final:
                ended.setdefault(workspace_id, []).append(event)
        for workspace_id, events in ended.items():
            gone += _delete(_FORGET, workspace_id, events, before)
        if len(rows) < batch or not rows[-1][2]:
            break
        after, looked = rows[-1][0], looked + len(rows)
    return gone


def forget_counts(now: datetime) -> int:
    """Delete counts, refusals, outages and closed questions that nobody looks at any more. Returns how many rows."""
    with everywhere("workspaces with a connection"):
        workspaces = [row[0] for row in _fetch(_CONNECTED, ())]
    return sum(
        _delete(statement, workspace_id, now - kept) for workspace_id in workspaces for statement, kept in _COUNTS
    )


def _fetch(sql: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _delete(sql: str, workspace_id: int, *params: Any) -> int:
    with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, (workspace_id, *params))
        return int(cursor.rowcount)
