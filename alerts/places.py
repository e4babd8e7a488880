"""What judging needs to know of a workspace and mode besides its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.stripe.freshness import freshness

from .rules.base import Place

STALE_AFTER: Final = timedelta(minutes=30)
"""How far behind numbers may be before alerts about them are held back."""
STALE: Final = "Held back: Stripe has not been heard of for half an hour, so the numbers may be behind."
RECALCULATING: Final = "Held back: the numbers are being computed again after a setting was changed."

# One row whatever there is.
_CONTEXT: Final = """
SELECT w.slug, w.timezone, coalesce(s.version, 0), b.reporting_currency, r.asked_at
FROM workspaces_workspace w
LEFT JOIN billing_syncstate s ON s.workspace_id = w.id AND s.mode = %(mode)s
LEFT JOIN billing_billingsettings b ON b.workspace_id = w.id
LEFT JOIN billing_recalculation r ON r.workspace_id = w.id AND r.mode = %(mode)s AND r.done_at IS NULL
WHERE w.id = %(ws)s
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A place, the version of its numbers, and whether its connection is one that works or should."""

    place: Place
    version: int
    watched: bool


def find(workspace_id: int, mode: Mode, now: datetime) -> Found:
    """Two queries. Must run in scope."""
    ((slug, zone, version, reporting, recalculating),) = fetch(_CONTEXT, {"ws": workspace_id, "mode": str(mode)})
    fresh = freshness(workspace_id, mode)
    behind = [now - since for since in (fresh.heard_at, fresh.pending_since) if since is not None]
    held_back = ""
    if recalculating is not None:
        held_back = RECALCULATING
    elif max(behind, default=timedelta(0)) > STALE_AFTER:
        held_back = STALE
    place = Place(
        workspace_id=workspace_id,
        slug=slug,
        mode=mode,
        zone=ZoneInfo(zone),
        connected_at=fresh.connected_at,
        reporting=reporting,
        held_back=held_back,
        heard_at=fresh.heard_at,
        pending_since=fresh.pending_since,
    )
    return Found(place, version, fresh.watched)
