"""What the dashboard's numbers depend on, in one query: so that a page knows at little cost whether anything is new."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.feed import FeedStatus, feed_status
from billing.modes import Mode
from pqintel.workspaces.models import Workspace

# One row whatever there is: a workspace without any of it has nulls.
_STANDING: Final = """
SELECT coalesce(s.version, 0), s.last_event_at, b.reporting_currency, coalesce(b.version, 0), r.asked_at,
       (SELECT max(changed_at) FROM billing_exchangerate)
FROM (SELECT 1) one
LEFT JOIN billing_syncstate s ON s.workspace_id = %(ws)s AND s.mode = %(mode)s
LEFT JOIN billing_billingsettings b ON b.workspace_id = %(ws)s
LEFT JOIN billing_recalculation r ON r.workspace_id = %(ws)s AND r.mode = %(mode)s AND r.done_at IS NULL
"""


@dataclass(frozen=True)
class Standing:
    """`version` is another one whenever anything on the dashboard may be, midnight in the workspace's zone included.

    `recalculating_since` None: derived rows are as the settings want them.
    """

    version: int
    today: date
    zone: ZoneInfo
    last_event_at: datetime | None
    reporting_currency: str | None
    recalculating_since: datetime | None
    feed: FeedStatus


def standing(workspace: Workspace, mode: Mode, now: datetime) -> Standing:
    """How a workspace and mode stand at `now` (aware). About three small queries. Must run in scope."""
    zone = ZoneInfo(workspace.timezone)
    ((sync, last_event_at, reporting, settings, recalculating, rates),) = fetch(
        _STANDING, {"ws": workspace.pk, "mode": str(mode)}
    )
    feed = feed_status(workspace.pk, mode)
    today = now.astimezone(zone).date()
    shown = (sync, settings, reporting, recalculating, rates, today, zone.key, feed)
    return Standing(
        version=zlib.crc32(repr(shown).encode()),
        today=today,
        zone=zone,
        last_event_at=last_event_at,
        reporting_currency=reporting,
        recalculating_since=recalculating,
        feed=feed,
    )
