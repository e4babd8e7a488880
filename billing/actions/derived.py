"""Everything that is derived, computed again for some customers: MRR spans, movements, failures, payment states."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from . import movements, timeline
from .bulk import fetch
from .catalogue import Catalogue
from .choices import choices_of
from .discounts import discounts_of
from .failures import refail_all
from .spans import respan
from .standing import stand

_SUBSCRIPTIONS = """
SELECT stripe_id FROM billing_subscription WHERE workspace_id = %s AND mode = %s AND customer = ANY(%s)
"""


class Derived(NamedTuple):
    """How many rows of the ledger of movements, and of failures, were written or removed; how many subscriptions'
    standing was corrected."""

    movements: int
    failures: int
    standing: int


def derive(workspace_id: int, mode: str, customers: Sequence[str], now: datetime) -> Derived:
    """Bring all derived rows of these customers in line with their versions, facts and the settings that hold now.

    A fixed number of statements. Must run in a transaction inside the scope, by the one holder of the lane.

    Args:
        customers: ids; of guests, those of the invoices or payments that failed (`walking.next_derived`).
    """
    choices = choices_of(workspace_id)
    theirs = [row[0] for row in fetch(_SUBSCRIPTIONS, (workspace_id, mode, list(customers)))]
    chains = timeline.extend(workspace_id, mode, {}, theirs, now.isoformat())
    owned = discounts_of(workspace_id, mode, [v.whole["customer"] for chain in chains for v in chain.steps])
    respan(Catalogue(workspace_id, mode), chains, owned, choices)
    moved = movements.refresh(workspace_id, mode, customers, choices.zone)
    failed = refail_all(workspace_id, mode, customers)
    stood = stand(workspace_id, mode, sorted({*theirs, *failed.subscriptions}))
    return Derived(moved, failed.rows, stood.changed)
