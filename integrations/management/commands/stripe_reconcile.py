"""`manage.py stripe_reconcile SLUG --mode test|live [--no-repair] [--json]`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from billing.management.place import PlaceCommand
from integrations.management.connected import connected
from integrations.models import Connection, Drift, Reconciliation
from integrations.stripe import foreground, reconcile
from pqintel.workspaces.tenancy import scope

ASKED_BY: Final = "manage.py stripe_reconcile"
POLL_SECONDS: Final = 1.0


class Command(PlaceCommand):
    help = (
        "Compare every customer, subscription, invoice and payment with Stripe, report what differs, and repair it; "
        "what workers do every night. What differs is looked at again after 90 seconds, so differences make this take "
        "longer. Exit 0: nothing differs, or all of it was repaired. 1: differences are left, or the comparison did "
        "not come to its end. 2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-repair", action="store_true", help="report only")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        stripe = connected(workspace, mode)
        repairs = not options["no_repair"]
        with scope(workspace):
            try:
                run, _new = reconcile.begin(stripe, asked_by=ASKED_BY, repairs=repairs)
            except reconcile.CannotReconcile as refusal:
                raise CommandError(str(refusal)) from None
            if run.repairs != repairs:
                told = "repairs" if run.repairs else "only reports"
                raise CommandError(f"A comparison that {told} goes on already. Try again when it is done.")
            run = _to_the_end(stripe, run)
            with transaction.atomic():
                found = list(Drift.objects.filter(workspace_id=workspace.pk, reconciliation=run).order_by("pk"))
        document = _document(run, found)
        if options["json"]:
            self.stdout.write(json.dumps(document))
        else:
            self._tell(run, found)
        if document["open"] or run.failure or run.skipped:
            raise SystemExit(1)

    def _tell(self, run: Reconciliation, found: list[Drift]) -> None:
        for kind, count in run.counts.items():
            self.stdout.write(f"{count:>10}  {kind}s compared")
        for kind, reason in run.skipped.items():
            self.stdout.write(f"LEFT OUT: {kind}s. {reason}")
        for row in found:
            line = reconcile.line(row, {})
            about = f"  ({line.amount.plain()} {line.amount.currency})" if line.amount else ""
            state = "repaired" if row.repaired_at else "OPEN"
            name = line.field or "whole object"
            self.stdout.write(f"{state:>10}  {row.kind} {row.object_id} {name}: {line.ours} / {line.theirs}{about}")
        if not found:
            self.stdout.write("Nothing differs.")
        if run.failure:
            self.stdout.write(f"FAILED: {run.failure}")


def _to_the_end(stripe: Connection, run: Reconciliation) -> Reconciliation:
    """Do part after part, whatever a worker leaves to do, until the run is finished. Settles the lane at the end."""
    while run.finished_at is None:
        done = reconcile.advance(stripe, lambda: foreground.pump(stripe))
        if done is None or (done.finished_at is None and done.due_at > datetime.now(UTC)):
            time.sleep(POLL_SECONDS)
        with transaction.atomic():
            run.refresh_from_db()
        if run.failure and run.finished_at is None:  # it would be tried again later, but somebody is waiting
            break
    foreground.settle(stripe)
    return run


def _document(run: Reconciliation, found: list[Drift]) -> dict[str, Any]:
    rows = [
        {
            "kind": row.kind,
            "id": row.object_id,
            "field": row.field or None,
            "ours": row.ours,
            "theirs": row.theirs,
            "amount": None if row.amount is None else format(row.amount.normalize(), "f"),
            "currency": row.currency or None,
            "repaired": row.repaired_at is not None,
        }
        for row in found
    ]
    return {
        "compared": run.counts,
        "left_out": run.skipped,
        "drifts": rows,
        "open": sum(not row["repaired"] for row in rows),
        "finished": run.finished_at is not None,
        "failure": run.failure,
    }
