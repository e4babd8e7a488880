"""Access that changes without any event, and all of it anew for when somebody doubts it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from billing.actions.bulk import fetch
from billing.actions.walking import next_owners
from billing.modes import Mode

from .refresh import recompute

CHUNK: Final = 500

_DUE: Final = """
SELECT customer FROM billing_access
WHERE workspace_id = %s AND mode = %s AND until <= %s AND customer > %s ORDER BY customer LIMIT %s
"""


def settle_due(workspace_id: int, mode: Mode) -> int:
    """Decide anew about everybody whose access was to change by now. Commits chunk by chunk; returns how many.

    Must run in scope, outside a transaction, by the one holder of the lane.
    """
    settled, after = 0, ""
    while True:
        with transaction.atomic():
            now = datetime.now(UTC)
            chunk = [row[0] for row in fetch(_DUE, (workspace_id, str(mode), now, after, CHUNK))]
            recompute(workspace_id, mode, chunk, now)
        settled += len(chunk)
        if len(chunk) < CHUNK:
            return settled
        after = chunk[-1]


def recompute_all(workspace_id: int, mode: Mode, why: str) -> tuple[int, int]:
    """Decide anew about everybody. Commits chunk by chunk. Must run in scope, outside a transaction, lane held.

    Returns:
        How many customers were looked at, and how many rows changed.
    """
    looked_at = changed = 0
    after = ""
    while True:
        with transaction.atomic():
            chunk = next_owners(workspace_id, str(mode), after, CHUNK)
            changed += recompute(workspace_id, mode, chunk, datetime.now(UTC), why)
        looked_at += len(chunk)
        if len(chunk) < CHUNK:
            return looked_at, changed
        after = chunk[-1]
