"""The first look: every object that Stripe lists against ours, and ours against the list."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from billing.actions.bulk import run as execute
from billing.modes import Mode
from billing.present import Fields, created_between, present, present_entries
from billing.snapshots import Kind as StateKind
from integrations.models import Connection, Phase, Reconciliation
from integrations.stripe.client import Answer, PermissionMissing, StripeReader
from integrations.stripe.failing import in_words
from integrations.stripe.pages import pages, place_after

from .comparing import ENTRIES, LISTED, differences, shown
from .pace import Pace

SETTLE: Final = timedelta(seconds=90)
"""How long after the first look an object is looked at again: what just changes is on its way to us. Longer than the
minute for which recovery leaves the newest events alone: by then they were read back, if nobody delivered them.
"""
_SUSPECT: Final = """
INSERT INTO integrations_suspect (workspace_id, reconciliation_id, kind, object_id, shown, looks, due_at)
SELECT %s, %s, r.kind, r.object_id, r.shown, 1, %s
FROM jsonb_to_recordset(%s::jsonb) AS r(kind text, object_id text, shown text)
ON CONFLICT DO NOTHING
"""
_THE_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Listing:
    """Goes through the lists of one run, page by page; each page is a transaction that also notes the place."""

    def __init__(self, stripe: Connection, run: Reconciliation, reader: StripeReader, pace: Pace) -> None:
        self.stripe, self.run, self.reader, self.pace = stripe, run, reader, pace
        self._edge: set[str] = set()  # ids of the page before that share its last second

    def go_on(self) -> None:
        """List until everything was compared, which ends the phase, or time is up. Raises ReadFailed."""
        kinds = list(LISTED)
        for kind in kinds[kinds.index(self.run.kind) if self.run.kind else 0 :]:
            if kind != self.run.kind:
                self._begin(kind)
            try:
                if not self._list(kind):
                    return
            except PermissionMissing as refusal:
                self.run.skipped = {**self.run.skipped, kind: in_words(refusal)}
        self.run.phase, self.run.kind, self.run.place = Phase.CONFIRMING, "", ""
        self._save()

    def _begin(self, kind: str) -> None:
        self.run.kind, self.run.place, self._edge = kind, "", set()

    def _list(self, kind: str) -> bool:
        """Whether the list was read to its end."""
        api_kind, filters = LISTED[kind]
        for answer in pages(self.reader, api_kind, after=self.run.place, **filters):
            last = not answer.json.get("has_more")
            with transaction.atomic():
                self._compare(kind, answer, last)
                self.run.place = place_after(answer)
                self.run.counts = {**self.run.counts, kind: self.run.counts.get(kind, 0) + len(answer.json["data"])}
                self._save()
            if not last and self.pace.over:
                return False
        return True

    def _compare(self, kind: str, answer: Answer, last: bool) -> None:
        """Note what looks different on a page, and what of ours is missing on it."""
        carried = answer.json["data"]
        readable = [s for one in carried if (s := shown(kind, self.run.mode, one, answer.asked_at)) is not None]
        ours = known_here(self.run, kind, [one.id for one in readable])
        rows = [_row(kind, one.id, one.digest) for one in readable if differences(one, ours.get(one.id))]
        if kind not in ENTRIES:
            rows += [_row(kind, stripe_id, "") for stripe_id in self._missing(kind, answer, last)]
        if rows:
            place = (self.run.workspace_id, self.run.pk, datetime.now(UTC) + SETTLE)
            execute(_SUSPECT, (*place, json.dumps(sorted(rows, key=lambda row: row["object_id"]))))

    def _missing(self, kind: str, answer: Answer, last: bool) -> set[str]:
        """Ours that were created in the time of this page and do not stand on it."""
        carried = answer.json["data"]
        _, _, upper = self.run.place.rpartition("@")
        until = _at(int(upper)) if upper else answer.asked_at - SETTLE
        after = _THE_BEGINNING if last or not carried else _at(carried[-1]["created"])
        here = created_between(self.run.workspace_id, Mode(self.run.mode), StateKind(kind), after, until)
        found = here - {one["id"] for one in carried} - self._edge
        if carried:
            edge = carried[-1]["created"]
            self._edge = {one["id"] for one in carried if one["created"] == edge}
        return found

    def _save(self) -> None:
        with transaction.atomic():
            self.run.save(update_fields=["phase", "kind", "place", "counts", "skipped"])


def known_here(run: Reconciliation, kind: str, ids: list[str]) -> dict[str, Fields]:
    """What is known here of objects of a kind, by id. One query."""
    if kind in ENTRIES:
        return present_entries(run.workspace_id, Mode(run.mode), ENTRIES[kind], ids)
    return present(run.workspace_id, Mode(run.mode), StateKind(kind), ids)


def _row(kind: str, object_id: str, digest: str) -> dict[str, str]:
    return {"kind": kind, "object_id": object_id, "shown": digest}


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
