"""How a connection's feed stands: what waits, what became of the rest, what was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from billing.actions.bulk import fetch
from billing.feed import FeedStatus
from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus

from .selftest import SELFTEST_PREFIX

# Counted from the partial index: rows in other states than done are few.
_WAITING = """
SELECT count(*) FILTER (WHERE e.state = 'pending'), count(*) FILTER (WHERE e.state = 'quarantined')
FROM integrations_inboxevent e
WHERE e.workspace_id = %s AND e.connection_id = %s AND e.state IN ('pending', 'quarantined')
"""
_COUNTS = """
SELECT state, count(*), extract(epoch FROM now() - min(received_at) FILTER (WHERE state = 'pending'))
FROM integrations_inboxevent
WHERE workspace_id = %s AND connection_id = %s
  AND NOT starts_with(event_id, %s) AND NOT starts_with(event_id, 'pqread_')
GROUP BY state
"""
_REFUSED = """
SELECT reason, sum(count) FROM integrations_refuseddelivery WHERE workspace_id = %s AND connection_id = %s GROUP BY 1
"""


@dataclass(frozen=True)
class InboxStatus:
    """Real deliveries by what became of them; test events and our own reads are not counted."""

    pending: int = 0
    done: int = 0
    ignored: int = 0
    quarantined: int = 0
    rejected: int = 0
    dismissed: int = 0
    held: int = 0
    oldest_pending_seconds: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def inbox_status(workspace_id: int, mode: Mode) -> InboxStatus | None:
    """Counts of a connection's inbox; None when the workspace has no connection in that mode. Must run in scope."""
    stripe = Connection.objects.filter(workspace_id=workspace_id, mode=mode).first()
    if stripe is None:
        return None
    counts: Counter[str] = Counter()
    oldest = 0.0
    for state, count, age in fetch(_COUNTS, (workspace_id, stripe.pk, SELFTEST_PREFIX)):
        counts[state] = count
        oldest = max(oldest, float(age or 0))
    refused = {reason: int(count) for reason, count in fetch(_REFUSED, (workspace_id, stripe.pk))}
    return InboxStatus(oldest_pending_seconds=round(oldest, 1), refused=refused, **counts)


def feed_status(workspace_id: int, mode: Mode) -> FeedStatus:
    """What the dashboard needs to know of the feed. Two queries. Must run in scope."""
    stripe = Connection.objects.filter(workspace_id=workspace_id, mode=mode).only("status", "connected_at").first()
    if stripe is None:
        return FeedStatus()
    ((pending, quarantined),) = fetch(_WAITING, (workspace_id, stripe.pk))
    return FeedStatus(stripe.status == ConnectionStatus.CONNECTED, pending, quarantined, stripe.connected_at)
