"""The second look: what still differs later, with nothing under way, is a difference, and is repaired."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing.actions.bulk import run as execute
from billing.modes import Mode
from billing.present import Fields, monthly_as
from billing.snapshots import SubscriptionState, revive
from integrations.models import Connection, Phase, Reconciliation, Suspect
from integrations.stripe import reads
from integrations.stripe.client import NotFound, StripeReader
from integrations.stripe.intake import put, read_event

from .comparing import PRESENT, Difference, Shown, differences, is_gone, shown, stake
from .listing import SETTLE, known_here
from .pace import Pace

BATCH: Final = 25
"""Objects that are read one after the other before the lane is waited for."""
MOST_LOOKS: Final = 5
"""An object that changes at Stripe between any two of so many looks is left to the next run."""
_WORTH: Final = frozenset({"", "status", "items", "discounts", "pause_behavior", "currency", "customer"})
"""Fields of a subscription that change what it is worth."""

_DRIFT: Final = """
INSERT INTO integrations_drift
    (workspace_id, reconciliation_id, mode, kind, object_id, field, ours, theirs, amount, currency, found_at)
SELECT %s, %s, %s, r.kind, r.object_id, r.field, nullif(r.ours, 'null'), nullif(r.theirs, 'null'),
       r.amount, r.currency, %s
FROM jsonb_to_recordset(%s::jsonb) AS r(
    kind text, object_id text, field text, ours jsonb, theirs jsonb, amount numeric, currency text
)
ON CONFLICT DO NOTHING
"""
_AGAIN: Final = """
UPDATE integrations_suspect s SET shown = r.shown, looks = s.looks + 1, due_at = %s
FROM jsonb_to_recordset(%s::jsonb) AS r(id bigint, shown text)
WHERE s.workspace_id = %s AND s.id = r.id
"""

Look = tuple[Suspect, Shown | None]


class Confirming:
    """Looks again at the suspects of one run."""

    def __init__(self, stripe: Connection, run: Reconciliation, reader: StripeReader, pace: Pace) -> None:
        self.stripe, self.run, self.reader, self.pace = stripe, run, reader, pace

    def go_on(self) -> datetime | None:
        """Look at those that are due. Ends the phase when none is left, else says when to go on. Raises ReadFailed."""
        while True:
            now = datetime.now(UTC)
            with transaction.atomic():
                left = Suspect.objects.filter(workspace_id=self.run.workspace_id, reconciliation=self.run)
                due = list(left.filter(due_at__lte=now).order_by("due_at", "pk")[:BATCH])
                first = None if due else left.order_by("due_at").first()
            if first is not None:
                return first.due_at
            if not due:
                self._end()
                return None
            looks = [(suspect, self._look(suspect)) for suspect in due]
            if not self.pace.until_applied(self.stripe, datetime.now(UTC)):
                return datetime.now(UTC) + SETTLE / 2
            with transaction.atomic():
                self._judge(looks)
            if self.pace.over:
                return datetime.now(UTC)

    def _look(self, suspect: Suspect) -> Shown | None:
        try:
            answer = reads.look(self.reader, suspect.kind, suspect.object_id)
        except NotFound:
            return None
        return shown(suspect.kind, self.run.mode, answer.json, answer.asked_at)

    def _judge(self, looks: Sequence[Look]) -> None:
        kinds = sorted({suspect.kind for suspect, _ in looks})
        here = {kind: known_here(self.run, kind, [s.object_id for s, _ in looks if s.kind == kind]) for kind in kinds}
        again: list[dict[str, Any]] = []
        confirmed: list[tuple[list[Difference], Shown | None, Fields | None]] = []
        for suspect, theirs in looks:
            ours = here[suspect.kind].get(suspect.object_id)
            found = self._differences(suspect, theirs, ours)
            digest = theirs.digest if theirs else ""
            if found and digest != suspect.shown:
                again.append({"id": suspect.pk, "shown": digest, "looks": suspect.looks})
            elif found:
                confirmed.append((found, theirs, ours))
        self._report(confirmed)
        if self.run.repairs:
            put(self.stripe, [read_event(self.run.mode, t.json, t.asked_at) for _, t, _ in confirmed if t is not None])
        kept = [row for row in again if row["looks"] < MOST_LOOKS]
        if kept:
            execute(_AGAIN, (datetime.now(UTC) + SETTLE, json.dumps(kept), self.run.workspace_id))
        over = {suspect.pk for suspect, _ in looks} - {row["id"] for row in kept}
        Suspect.objects.filter(workspace_id=self.run.workspace_id, pk__in=over).delete()

    @staticmethod
    def _differences(suspect: Suspect, theirs: Shown | None, ours: Fields | None) -> list[Difference]:
        if theirs is not None:
            return differences(theirs, ours)
        if is_gone(suspect.kind, ours):
            return []
        return [Difference(suspect.kind, suspect.object_id, "", PRESENT, None)]

    def _report(self, confirmed: Sequence[tuple[list[Difference], Shown | None, Fields | None]]) -> None:
        worth = self._worth(confirmed)
        rows = [
            _row(difference, _about(difference, theirs, ours, worth))
            for found, theirs, ours in confirmed
            for difference in found
        ]
        if rows:
            place = (self.run.workspace_id, self.run.pk, self.run.mode, datetime.now(UTC))
            execute(_DRIFT, (*place, json.dumps(rows)))

    def _worth(
        self, confirmed: Sequence[tuple[list[Difference], Shown | None, Fields | None]]
    ) -> Mapping[str, tuple[Decimal, str]]:
        """By subscription, what it is worth a month by Stripe's state less by ours."""
        of_them = [t for _, t, _ in confirmed if t is not None and isinstance(t.value, SubscriptionState)]
        of_us = [
            revive(SubscriptionState, ours)
            for found, _, ours in confirmed
            if found[0].kind == "subscription" and ours is not None
        ]
        if not of_them and not of_us:
            return {}
        place = (self.run.workspace_id, Mode(self.run.mode))
        at = int(max((one.asked_at for one in of_them), default=datetime.now(UTC)).timestamp())
        entries = [entry for one in of_them for entry in one.entries]
        states = [one.value for one in of_them if isinstance(one.value, SubscriptionState)]
        theirs, ours_ = (monthly_as(*place, some, entries, at) for some in (states, of_us))
        worth: dict[str, tuple[Decimal, str]] = {}
        for subscription in {*theirs, *ours_}:
            currency = (theirs.get(subscription) or ours_[subscription])[0]
            more, less = (side.get(subscription, (currency, Decimal(0))) for side in (theirs, ours_))
            if more[0] == less[0] and more[1] != less[1]:
                worth[subscription] = more[1] - less[1], currency
        return worth

    def _end(self) -> None:
        self.run.phase = Phase.CLOSING
        with transaction.atomic():
            self.run.save(update_fields=["phase"])


def _about(
    difference: Difference, theirs: Shown | None, ours: Fields | None, worth: Mapping[str, tuple[Decimal, str]]
) -> tuple[Decimal, str] | None:
    if difference.kind == "subscription":
        return worth.get(difference.id) if difference.field in _WORTH else None
    return stake(difference, ours, theirs.fields if theirs else None)


def _row(difference: Difference, about: tuple[Decimal, str] | None) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "object_id": difference.id,
        "field": difference.field,
        "ours": difference.ours,
        "theirs": difference.theirs,
        "amount": str(about[0]) if about else None,
        "currency": about[1] if about else "",
    }
