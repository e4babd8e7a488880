"""`manage.py stripe_recover SLUG --mode test|live [--days N] [--json]`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from billing.management.place import USAGE, PlaceCommand
from integrations.management.connected import connected
from integrations.models import Connection, Recovery
from integrations.stripe import foreground
from integrations.stripe.recovery import Recovered, recover
from pqintel.workspaces.tenancy import scope

BUSY_SECONDS: Final = 60


class Command(PlaceCommand):
    help = (
        "Compare a connection's events with Stripe's own list of them, and process what never arrived; what workers do "
        "every few minutes. Exit 0: complete. 1: events are lost for good (a gap), or Stripe could not be read. "
        "2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--days", type=int, help="read the last N days (1-30) again, even if they were read before")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        stripe = connected(workspace, mode)
        days = options["days"]
        if days is not None and not 1 <= days <= 30:
            raise CommandError("--days is a number from 1 to 30: Stripe keeps events no longer.", returncode=USAGE)
        since = None if days is None else datetime.now(UTC) - timedelta(days=days)
        with scope(workspace):
            done = _recover(stripe, since)
            drained = foreground.settle(stripe)
            with transaction.atomic():
                row = Recovery.objects.get(workspace_id=workspace.pk, mode=stripe.mode)
        self._tell(done, row, drained=drained, as_json=options["json"])
        if done.gap or done.failure or not drained:
            raise SystemExit(1)

    def _tell(self, done: Recovered, row: Recovery, *, drained: bool, as_json: bool) -> None:
        read_until = row.read_until.isoformat() if row.read_until else None
        gap = [moment.isoformat() for moment in done.gap] if done.gap else None
        if as_json:
            document = {
                "found": done.found,
                "missed": done.missed,
                "gap": dict(zip(("from", "to"), gap, strict=True)) if gap else None,
                "read_until": read_until,
                "processed": drained,
                "failure": done.failure,
            }
            self.stdout.write(json.dumps(document))
            return
        self.stdout.write(
            f"Read back: {done.found} events, {done.missed} of them of types that every endpoint selects."
        )
        self.stdout.write(f"Compared up to: {read_until or 'not yet'}")
        if gap:
            self.stdout.write(f"LOST: events from {gap[0]} to {gap[1]}; Stripe no longer lists them.")
        if done.failure:
            self.stdout.write(f"FAILED: {done.failure}")
        if not drained:
            self.stdout.write("Some events still wait to be processed: see inbox_status.")


def _recover(stripe: Connection, since: datetime | None) -> Recovered:
    """Read until everything was read, however many parts that takes; waits for a worker that is reading."""
    whole = Recovered()
    until = time.monotonic() + BUSY_SECONDS
    while True:
        part = recover(stripe, since=since)
        if part.busy:
            if time.monotonic() >= until:
                raise CommandError("A worker has been reading for a minute. Try again when it is done.")
            time.sleep(1)
            continue
        whole.found, whole.missed = whole.found + part.found, whole.missed + part.missed
        whole.gap, whole.failure = whole.gap or part.gap, part.failure
        if part.failure or not part.more:
            return whole
        since = None
