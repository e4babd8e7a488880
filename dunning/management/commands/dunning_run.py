"""`manage.py dunning_run SLUG --mode test|live [--cards] [--dry-run] [--json]`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from billing.management.place import PlaceCommand
from billing.modes import Mode
from dunning.cards import rounds
from dunning.run import run
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope


class Command(PlaceCommand):
    help = (
        "Take the steps of unpaid invoices that are due: letters to customers, messages to the team, lower access. "
        "Workers do so by themselves every minute; run twice, it does nothing twice. With --dry-run it says what it "
        "would do and does nothing. With --cards it reads the charges since the last time instead, and writes to "
        "customers whose card expires soon. Exit 0, also when nothing is due; 1: nothing can be done, Stripe cannot be "
        "read, or a worker kept the lane; 2: wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cards", action="store_true", help="the notice about expiring cards, now")
        parser.add_argument("--dry-run", action="store_true", help="decide, but do nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        if options["cards"]:
            self._look_at_cards(workspace, mode, options)
            return
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

    def _look_at_cards(self, workspace: Workspace, mode: Mode, options: dict[str, Any]) -> None:
        with scope(workspace):
            now, to_the_end = timezone.now(), float("inf")
            done = rounds.visit(workspace.pk, mode, now, seconds=to_the_end, at_once=True, dry=options["dry_run"])
        if done.refused:
            raise CommandError(done.refused)
        if done.busy:
            raise CommandError("A worker is reading the charges of this workspace already. Try again later.")
        if options["json"]:
            told = {"dry_run": options["dry_run"], "charges": done.charges, "notices": list(map(asdict, done.notices))}
            self.stdout.write(json.dumps({**told, "failure": done.failure}, indent=2, ensure_ascii=False))
        else:
            self.stdout.write(f"{done.charges} charges were read.")
            for notice in done.notices:
                fate = f"skipped: {notice.skipped}" if notice.skipped else "a letter"
                self.stdout.write(f"{notice.customer}  {notice.card}, until {notice.expires}: {fate}")
            if not done.notices:
                self.stdout.write("Nobody is to be told.")
        if done.failure:
            raise CommandError(done.failure)
