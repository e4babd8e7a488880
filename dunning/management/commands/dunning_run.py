"""`manage.py dunning_run SLUG --mode test|live [--dry-run] [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from billing.management.place import PlaceCommand
from dunning.run import run
from pqintel.workspaces.tenancy import scope


class Command(PlaceCommand):
    help = (
        "Take the steps of unpaid invoices that are due: letters to customers, messages to the team, lower access. "
        "Workers do so by themselves every minute; run twice, it does nothing twice. With --dry-run it says what it "
        "would do and does nothing. Exit 0, also when nothing is due; 1: nothing can be done, or a worker kept the "
        "lane; 2: wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="decide, but do nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with scope(workspace):
            ran = run(workspace.pk, mode, timezone.now(), dry=options["dry_run"])
        if ran.refused:
            raise CommandError(ran.refused)
        if options["json"]:
            lines = [{"invoice": invoice, "kind": kind, "text": text} for invoice, kind, text in ran.lines]
            done = {"dry_run": options["dry_run"], "lines": lines, "waiting_for_lane": ran.later}
            self.stdout.write(json.dumps(done, indent=2, ensure_ascii=False))
        else:
            for invoice, _kind, text in ran.lines:
                self.stdout.write(f"{invoice}  {text}")
            if not ran.lines and not ran.later:
                self.stdout.write("Nothing is due.")
        if ran.later:
            raise CommandError(f"{ran.later} customers wait: a worker is busy with this workspace. Try again later.")
