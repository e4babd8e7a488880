"""What is kept of the past that live judging has no need of: the lines of a time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from billing.models import HistoryEntry
from billing.reacting import READ_PREFIX

from .rules.base import Place


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
