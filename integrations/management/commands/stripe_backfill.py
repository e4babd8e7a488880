"""`manage.py stripe_backfill SLUG --mode test|live [--wait | --status] [--json]`."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from billing.management.place import USAGE, PlaceCommand
from integrations.management.connected import connected
from integrations.models import Connection
from integrations.stripe import backfill, inbox
from integrations.stripe.backfill import Progress
from integrations.stripe.drain import drain
from pqintel.workspaces.tenancy import scope

PAUSE: Final = 0.2
"""Seconds between looks while Stripe, or another process at the same run, is waited for."""


class Command(PlaceCommand):
    help = (
        "Read what a connected Stripe account holds, and its last 30 days of events. Begins a run, or goes on with the "
        "one that is under way or failed. A worker does it; with --wait this command does it itself and applies what "
        "it reads, whether a worker runs or not. Exit 0: begun, or with --wait done. 1: it failed. 2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--wait", action="store_true", help="stay until all is read and applied")
        way.add_argument("--status", action="store_true", help="begin nothing, only tell how far the last run came")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        connection = connected(workspace, mode)
        with scope(workspace):
            if not options["status"]:
                backfill.start(connection)
            if options["wait"]:
                self._wait(connection, quiet=options["json"])
            told = _progress(connection)
        if told is None:
            raise CommandError("Nothing was read yet. Without --status this command begins.", returncode=USAGE)
        if options["json"]:
            self.stdout.write(json.dumps({"mode": connection.mode, **told.document()}, indent=2, ensure_ascii=False))
        else:
            self._print(told)
        if told.state == "failed":
            raise CommandError(f"{told.failure} {told.remedy}".strip(), returncode=1)

    def _wait(self, connection: Connection, *, quiet: bool) -> None:
        """Read and apply in turn, until all is read and nothing waits any more."""
        shown = None
        while True:
            visit = backfill.visit(connection)
            drained = drain(connection.lane)
            told = _progress(connection)
            if not quiet and told and told.now and told.now != shown:
                shown = told.now
                self.stderr.write(f"{shown.label}: {shown.count} {shown.detail}".rstrip())
            if visit.more or visit.stored or drained.events:
                continue
            if not told or not (told.moves or inbox.waits(connection.workspace_id, connection.pk)):
                return
            time.sleep(PAUSE)

    def _print(self, told: Progress) -> None:
        for line in told.stages:
            self.stdout.write(f"{line.count:>9}  {line.label:<26}  {line.state:<8}  {line.detail}".rstrip())
        ending = f", waiting until {told.waits_until:%H:%M:%S %Z}: {told.waiting_for}" if told.waits_until else ""
        self.stdout.write(f"{told.objects:>9}  {told.state}{ending}")


def _progress(connection: Connection) -> Progress | None:
    with transaction.atomic():
        return backfill.progress(connection)
