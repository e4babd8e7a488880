"""Which tiers a customer had when something happened: before it and after it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from billing.actions.bulk import fetch, unique
from billing.models import Access, HistoryEntry

from .base import Place

# What customers really had is told by lines of their own, as it was learnt.
_MOVES: Final = """
SELECT customer, happened_at, before->>'tier' FROM billing_historyentry
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = ANY(%(customers)s) AND happened_at >= %(since)s
  AND object_kind = 'access' AND superseded_at IS NULL
ORDER BY customer, happened_at, id
"""


class Move(NamedTuple):
    """A customer's access changed, and the tier until then; None = no access."""

    at: datetime
    before: str | None


def tiers_around(place: Place, lines: Sequence[HistoryEntry]) -> dict[int, frozenset[str | None]]:
    """The tiers that the customer of each line (by key) had just before it and from it on.

    What ends a customer's access belongs to the tier that it ends, what begins it to the one that it gives. Two
    queries. Must run in scope.
    """
    customers = unique(line.customer for line in lines)
    if not customers:
        return {}
    here = {"ws": place.workspace_id, "mode": str(place.mode), "customers": customers}
    moves: dict[str, list[Move]] = {}
    for customer, *move in fetch(_MOVES, {**here, "since": min(line.happened_at for line in lines)}):
        moves.setdefault(customer, []).append(Move(*move))
    rows = Access.objects.filter(workspace_id=place.workspace_id, mode=place.mode, customer__in=customers)
    present: Mapping[str, str | None] = dict(rows.values_list("customer", "tier"))

    def around(line: HistoryEntry) -> frozenset[str | None]:
        mine = moves.get(line.customer or "", ())
        known = [*(move.before for move in mine), present.get(line.customer or "")]
        places = (find(mine, line.happened_at, key=lambda move: move.at) for find in (bisect_left, bisect_right))
        return frozenset(known[place] for place in places)

    return {line.pk: around(line) for line in lines if line.customer}
