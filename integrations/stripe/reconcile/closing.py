"""The third look: whether the repairs have taken. Only then is a difference closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from integrations.models import Connection, Drift, Reconciliation
from integrations.stripe import reads
from integrations.stripe.client import NotFound, StripeReader

from .comparing import Difference, differences, same_value, shown
from .listing import known_here
from .pace import Pace

BATCH: Final = 500
MOST_READ: Final = 200
"""Objects that have moved on since they were repaired, and are read once more."""


class Closing:
    """Compares the differences of one run with what is known now."""

    def __init__(self, stripe: Connection, run: Reconciliation, reader: StripeReader, pace: Pace) -> None:
        self.stripe, self.run, self.reader, self.pace = stripe, run, reader, pace

    def go_on(self) -> bool:
        """Close what is repaired; whether the lane had processed everything, so that this was the last word."""
        if not self.pace.until_applied(self.stripe, datetime.now(UTC)):
            return False
        left: set[tuple[str, str]] = set()
        last = 0
        while True:
            with transaction.atomic():
                rows = list(self._open().filter(pk__gt=last).order_by("pk")[:BATCH])
                if not rows:
                    break
                left |= self._close(rows)
                last = rows[-1].pk
        for kind, object_id in sorted(left)[:MOST_READ]:
            self._read_again(kind, object_id)
        return True

    def _open(self) -> QuerySet[Drift]:
        """What still differs, without objects that Stripe does not have: those cannot be repaired by what it says."""
        open_ = Drift.objects.filter(workspace_id=self.run.workspace_id, reconciliation=self.run, repaired_at=None)
        return open_.exclude(field="", theirs__isnull=True)

    def _close(self, rows: Iterable[Drift]) -> set[tuple[str, str]]:
        """Close what is as Stripe said; the objects that are not."""
        rows = list(rows)
        here = {
            kind: known_here(self.run, kind, [row.object_id for row in rows if row.kind == kind])
            for kind in sorted({row.kind for row in rows})
        }
        done, left = [], set()
        for row in rows:
            ours = here[row.kind].get(row.object_id)
            if ours is not None and (not row.field or same_value(row.field, ours.get(row.field), row.theirs)):
                done.append(row.pk)
            else:
                left.add((row.kind, row.object_id))
        self._mark(pk__in=done)
        return left

    def _read_again(self, kind: str, object_id: str) -> None:
        """An object may have changed once more since it was repaired: then it has only to be as Stripe says now."""
        try:
            answer = reads.look(self.reader, kind, object_id)
        except NotFound:
            return
        theirs = shown(kind, self.run.mode, answer.json, answer.asked_at)
        with transaction.atomic():
            ours = known_here(self.run, kind, [object_id]).get(object_id)
            found: list[Difference] = differences(theirs, ours) if theirs is not None else []
            if theirs is not None and not found:
                self._mark(kind=kind, object_id=object_id)

    def _mark(self, **which: Any) -> None:
        self._open().filter(**which).update(repaired_at=datetime.now(UTC))
