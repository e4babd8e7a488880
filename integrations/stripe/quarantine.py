"""What cannot be processed is set aside with its reason, sealed, until somebody lets it in again or gives it up.

Replaying is safe at any time: state is a function of the versions known, so an event that comes late repairs history
where its second lies, and whatever came meanwhile stays. Every step is a line of the billing history (`event.…`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import transaction

from billing.actions.bulk import fetch
from billing.actions.feed import EventLine, EventStep, record_events
from billing.lanes import lane_of
from billing.modes import Mode
from integrations.models import InboxState

from .inbox import SetAside
from .webhook import doorbell

KEPT: Final = timedelta(days=30)
"""How long a quarantined payload is kept sealed before it is dismissed and wiped (P12)."""

LONGEST_REASON: Final = 500

_MINE: Final = """
    workspace_id = %(ws)s AND state = 'quarantined'
    AND connection_id = (SELECT id FROM integrations_connection WHERE workspace_id = %(ws)s AND mode = %(mode)s)
"""
_LIST: Final = f"""
SELECT event_id, event_type, reason, happened_at, received_at, processed_at
FROM integrations_inboxevent WHERE {_MINE} ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 - no word of it comes from outside
_REASONS: Final = f"""
SELECT reason, count(*) FROM integrations_inboxevent WHERE {_MINE} GROUP BY reason ORDER BY 2 DESC, 1
"""  # noqa: S608 - no word of it comes from outside
_CHOSEN: Final = f"""
WITH chosen AS MATERIALIZED (
    SELECT id, event_id, event_type, reason FROM integrations_inboxevent
    WHERE {_MINE}
      AND (%(events)s::text[] IS NULL OR event_id = ANY(%(events)s))
      AND (%(only)s::text IS NULL OR reason = %(only)s)
    ORDER BY id FOR UPDATE
)
"""  # noqa: S608 - no word of it comes from outside
# `tries` 1 and not 0: what failed before comes in smaller batches (see inbox.py), so that it holds up nothing else.
_REPLAY: Final = f"""{_CHOSEN}
UPDATE integrations_inboxevent e
SET state = 'pending', tries = 1, solo_tries = 0, reason = NULL, processed_at = NULL
FROM chosen c WHERE e.workspace_id = %(ws)s AND e.id = c.id
RETURNING c.event_id, c.event_type, c.reason
"""  # noqa: S608 - no word of it comes from outside
_DISMISS: Final = f"""{_CHOSEN}
UPDATE integrations_inboxevent e
SET state = 'dismissed', body = NULL, reason = %(given)s, processed_at = %(now)s
FROM chosen c WHERE e.workspace_id = %(ws)s AND e.id = c.id
RETURNING c.event_id, c.event_type, c.reason
"""  # noqa: S608 - no word of it comes from outside
_EXPIRE: Final = """
UPDATE integrations_inboxevent
SET state = 'dismissed', body = NULL, reason = left('Dismissed after 30 days: ' || reason, 1000), processed_at = %s
WHERE workspace_id = %s AND state = 'quarantined' AND received_at < %s
RETURNING mode, event_id, event_type, reason
"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A quarantined event. Type and `happened_at` are None where the payload could not even be read so far."""

    event_id: str
    event_type: str | None
    reason: str
    happened_at: datetime | None
    received_at: datetime
    set_aside_at: datetime


def quarantined(workspace_id: int, mode: Mode, limit: int = 1000) -> list[Quarantined]:
    """The events in quarantine, the newest first. One query. Must run in scope."""
    return [Quarantined(*row) for row in fetch(_LIST, {"ws": workspace_id, "mode": str(mode), "limit": limit})]


def reasons(workspace_id: int, mode: Mode) -> list[tuple[str, int]]:
    """How many events are in quarantine for each reason, most first. One query. Must run in scope."""
    return [(reason, count) for reason, count in fetch(_REASONS, {"ws": workspace_id, "mode": str(mode)})]


def replay(
    workspace_id: int,
    mode: Mode,
    *,
    by: str,
    now: datetime,
    events: Collection[str] | None = None,
    reason: str | None = None,
) -> list[str]:
    """Let quarantined events wait for a worker again, and ring for one when the transaction commits.

    Args:
        by: who does it, as history shows it.
        now: aware.
        events: only these ids; None means all.
        reason: only those set aside for exactly this reason.

    Returns:
        The ids of those that were in quarantine; others are left alone. Two statements. Must run in scope.
    """
    found = _move(_REPLAY, workspace_id, mode, events, reason, now=now)
    _record(workspace_id, mode, EventStep.REPLAYED, InboxState.PENDING, found, by, now)
    if found:
        transaction.on_commit(partial(doorbell.ring, lane_of(workspace_id, mode)))
    return [event.event_id for event in found]


def dismiss(
    workspace_id: int, mode: Mode, events: Collection[str], reason: str, *, by: str, now: datetime
) -> list[str]:
    """Give quarantined events up, for a reason that is kept: their payload is wiped, a redelivery changes nothing.

    Returns:
        The ids of those that were in quarantine; others are left alone. Two statements. Must run in scope.

    Raises:
        ValueError: the reason is blank or longer than `LONGEST_REASON`.
    """
    given = reason.strip()
    if not 0 < len(given) <= LONGEST_REASON:
        raise ValueError(f"A reason has 1 to {LONGEST_REASON} characters.")
    found = _move(_DISMISS, workspace_id, mode, events, None, now=now, given=given)
    told = [event._replace(reason=given) for event in found]
    _record(workspace_id, mode, EventStep.DISMISSED, InboxState.DISMISSED, told, by, now)
    return [event.event_id for event in found]


def expire(workspace_id: int, now: datetime) -> int:
    """Dismiss what has been in quarantine for 30 days and wipe its payload (P12). Returns how many."""
    found = fetch(_EXPIRE, (now, workspace_id, now - KEPT))
    for mode in Mode:
        told = [SetAside(*rest) for of, *rest in found if of == mode]
        _record(workspace_id, mode, EventStep.DISMISSED, InboxState.DISMISSED, told, None, now)
    return len(found)


def record_quarantined(workspace_id: int, mode: Mode, found: Collection[SetAside], now: datetime) -> None:
    """Note which events a worker has just set aside. Nothing is written when there are none."""
    lines = [
        EventLine(e.event_id, e.event_type, EventStep.QUARANTINED, InboxState.PENDING, InboxState.QUARANTINED, e.reason)
        for e in found
    ]
    record_events(workspace_id, mode, lines, now)


def _move(
    statement: str,
    workspace_id: int,
    mode: Mode,
    events: Collection[str] | None,
    only: str | None,
    **values: Any,
) -> list[SetAside]:
    chosen = None if events is None else list(events)
    rows = fetch(statement, {"ws": workspace_id, "mode": str(mode), "events": chosen, "only": only, **values})
    return [SetAside(*row) for row in rows]


def _record(
    workspace_id: int,
    mode: Mode,
    step: EventStep,
    after: InboxState,
    found: Collection[SetAside],
    by: str | None,
    now: datetime,
) -> None:
    lines = [EventLine(e.event_id, e.event_type, step, InboxState.QUARANTINED, after, e.reason, by) for e in found]
    record_events(workspace_id, mode, lines, now)
