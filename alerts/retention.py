"""How long what rules found is remembered: as long as the messages that came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from integrations.channels.retention import DELIVERIES_KEPT
from pqintel.workspaces.tenancy import everywhere, scope

BATCH: Final = 10_000
MOST: Final = 500_000
"""Findings that one run looks at: the next one goes on."""

# In the order in which they were written, so that the first young one ends the search: no index of times is needed.
_OLDEST: Final = """
SELECT id, workspace_id, recorded_at < %s FROM alerts_finding WHERE id > %s ORDER BY id LIMIT %s
"""
_FORGET: Final = "DELETE FROM alerts_finding WHERE workspace_id = %s AND id = ANY(%s)"


def forget_findings(now: datetime, *, batch: int = BATCH, most: int = MOST) -> int:
    """Delete what was found more than 90 days ago, of all workspaces. Returns how many.

    Commits batch by batch; must run outside a transaction.
    """
    before, after, looked, gone = now - DELIVERIES_KEPT, 0, 0, 0
    while looked < most:
        with everywhere("the oldest findings"), connection.cursor() as cursor:
            cursor.execute(_OLDEST, (before, after, batch))
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        old: dict[int, list[int]] = {}
        for finding, workspace_id, is_old in rows:
            if is_old:
                old.setdefault(workspace_id, []).append(finding)
        for workspace_id, findings in old.items():
            with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_FORGET, (workspace_id, findings))
                gone += int(cursor.rowcount)
        if len(rows) < batch or not rows[-1][2]:
            break
        after, looked = rows[-1][0], looked + len(rows)
    return gone
