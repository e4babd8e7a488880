"""What is kept of the past that live judging has no need of: the lines of a time, and who had which tier then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from billing.actions.bulk import fetch, unique
from billing.models import Access, HistoryEntry
from billing.reacting import READ_PREFIX

from .rules.base import Place

# What customers really had is told by lines of their own, as it was learnt.
_MOVES: Final = """
SELECT customer, happened_at, before->>'tier', after->>'tier' FROM billing_historyentry
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = ANY(%(customers)s)
  AND object_kind = 'access' AND superseded_at IS NULL
ORDER BY customer, happened_at, id
"""


class Move(NamedTuple):
    """A customer's tier changed; None = no access."""

    at: datetime
    before: str | None
    after: str | None


def lines_between(
    place: Place, kinds: Collection[str], after: datetime, until: datetime, most: int
) -> list[HistoryEntry]:
    """The lines that reactions are told of, later than one instant and not later than another, in order.

    Where there are more than `most`, the newest of them and one more. One query, by an index. Must run in scope.
    """
    rows = HistoryEntry.objects.filter(
        workspace_id=place.workspace_id,
        mode=place.mode,
        kind__in=list(kinds),
        happened_at__gt=after,
        happened_at__lte=until,
        superseded_at=None,
    ).exclude(event_id__startswith=READ_PREFIX)
    return list(reversed(rows.order_by("-happened_at", "-id")[: most + 1]))


def tiers_then(place: Place, lines: Sequence[HistoryEntry]) -> dict[int, str | None]:
    """Which tier the customer of each line (by key) had when it happened. Two queries. Must run in scope."""
    customers = unique(line.customer for line in lines)
    if not customers:
        return {}
    here = {"ws": place.workspace_id, "mode": str(place.mode), "customers": customers}
    moves: dict[str, list[Move]] = {}
    for customer, *move in fetch(_MOVES, here):
        moves.setdefault(customer, []).append(Move(*move))
    present = Access.objects.filter(
        workspace_id=place.workspace_id, mode=place.mode, customer__in=[c for c in customers if c not in moves]
    )
    return dict(_told(lines, moves, dict(present.values_list("customer", "tier"))))


def _told(
    lines: Iterable[HistoryEntry], moves: Mapping[str, Sequence[Move]], present: Mapping[str, str | None]
) -> Iterable[tuple[int, str | None]]:
    for line in lines:
        mine = moves.get(line.customer or "", ())
        place = bisect_right(mine, line.happened_at, key=lambda move: move.at)
        if place:
            yield line.pk, mine[place - 1].after
        else:
            yield line.pk, mine[0].before if mine else present.get(line.customer or "")
