"""Everything that is derived from versions, computed again for some customers: MRR spans, then movements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from . import movements, timeline
from .bulk import fetch
from .catalogue import Catalogue
from .choices import choices_of
from .discounts import discounts_of
from .spans import respan

_SUBSCRIPTIONS = """
SELECT stripe_id FROM billing_subscription WHERE workspace_id = %s AND mode = %s AND customer = ANY(%s)
"""


def derive(workspace_id: int, mode: str, customers: Sequence[str], now: datetime) -> int:
    """Bring all derived rows of these customers in line with their versions and the settings that hold now.

    A fixed number of statements. Must run in a transaction inside the scope, by the one holder of the lane.

    Returns:
        How many rows of the ledger of movements were written or removed.
    """
    choices = choices_of(workspace_id)
    theirs = [row[0] for row in fetch(_SUBSCRIPTIONS, (workspace_id, mode, list(customers)))]
    chains = timeline.extend(workspace_id, mode, {}, theirs, now.isoformat())
    owned = discounts_of(workspace_id, mode, [v.whole["customer"] for chain in chains for v in chain.steps])
    respan(Catalogue(workspace_id, mode), chains, owned, choices)
    return movements.refresh(workspace_id, mode, customers, choices.zone)
