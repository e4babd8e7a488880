"""Computing derived rows again after a setting, a mapping or the time zone changed: in steps, customer by customer."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from billing.lanes import lane_of
from billing.models import RULES, Recalculation, SyncState
from billing.modes import Mode
from pqintel.queue import Doorbell

from . import access
from .bulk import run
from .derived import derive
from .walking import next_derived

CHUNK: Final = 200
"""Customers in one transaction: well below a second of work."""

bell = Doorbell("billing.tasks.recalculate", queue="bulk")

_ASK = """
INSERT INTO billing_recalculation (workspace_id, mode, reason, cursor, asked_at)
SELECT %s, mode, %s, '', %s FROM unnest(%s::text[]) AS mode
ON CONFLICT (workspace_id, mode) DO UPDATE SET
    reason = excluded.reason, cursor = '', asked_at = excluded.asked_at, done_at = NULL
"""


def ask(workspace_id: int, reason: str, now: datetime, modes: tuple[Mode, ...] = tuple(Mode)) -> None:
    """Have everything that is derived computed again, from the first customer on. Must run in a transaction in scope.

    One statement. The work begins when the transaction has committed; a sweep finds it if the bell is lost.
    """
    run(_ASK, (workspace_id, reason, now, [str(mode) for mode in modes]))
    transaction.on_commit(lambda: bell.ring(*(lane_of(workspace_id, mode) for mode in modes)))


def open_recalculation(workspace_id: int, mode: Mode) -> Recalculation | None:
    """The recalculation that is going on, or None: what pages say "recalculating" by. One query. Must run in scope."""
    return Recalculation.objects.filter(workspace_id=workspace_id, mode=mode, done_at=None).first()


def go_on(workspace_id: int, mode: Mode, seconds: float) -> bool:
    """Go on with an open recalculation for about that long; whether some is left. Commits chunk by chunk.

    Must run in scope, outside a transaction, by the one holder of the lane.
    """
    until = time.monotonic() + seconds
    while True:
        with transaction.atomic():
            if not _step(workspace_id, mode):
                return False
        if time.monotonic() >= until:
            return True


def _step(workspace_id: int, mode: Mode) -> bool:
    now = datetime.now(UTC)
    found = Recalculation.objects.select_for_update().filter(workspace_id=workspace_id, mode=mode, done_at=None).first()
    if found is None:
        return False
    customers = next_derived(workspace_id, str(mode), found.cursor, CHUNK)
    if customers:
        derive(workspace_id, str(mode), customers, now)
        access.recompute(workspace_id, str(mode), customers, now, found.reason)
        found.cursor = customers[-1]
    if len(customers) < CHUNK:
        found.done_at = now
        SyncState.objects.filter(workspace_id=workspace_id, mode=mode).update(rules=RULES)
    found.save(update_fields=["cursor", "done_at"])
    return found.done_at is None
