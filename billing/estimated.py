"""Which days are estimated: those before something that was only found, not those before the connection as such.

Events carry when they happened, so a history that is delivered late is as exact as one that was seen as it happened.
What has no beginning among the events is estimated back from where it was found (actions/past.py).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from .actions.bulk import fetch
from .modes import Mode

_NEWEST_FOUND: Final = """
SELECT happened_at FROM billing_historyentry
WHERE workspace_id = %s AND mode = %s AND kind = 'subscription.found' AND superseded_at IS NULL
ORDER BY happened_at DESC LIMIT 1
"""


def estimated_before(
    workspace_id: int, mode: Mode, connected_at: datetime | None, zone: ZoneInfo, first: date
) -> date | None:
    """The first day that is not estimated, where days from `first` on are; None where none of them is.

    That is the day on which the last of the subscriptions was found that had begun before; at most the day of the
    connection, because who is found later is an exception that the rows behind a number name. One query, by an index;
    none where nothing is connected or `first` is later. Must run in scope.

    Args:
        connected_at: aware.
        zone: the workspace's, in which days begin.
    """
    if connected_at is None or connected_at.astimezone(zone).date() <= first:
        return None
    rows = fetch(_NEWEST_FOUND, (workspace_id, str(mode)))
    if not rows:
        return None
    day: date = min(rows[0][0], connected_at).astimezone(zone).date()
    return day if day > first else None
