"""`manage.py letters_retry SLUG --mode test|live [--hours N] [--json]`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from billing.management.place import USAGE, PlaceCommand
from dunning.letters import outbox
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = (
        "Try again to send letters to customers that failed, for another 72 hours each. What was sent, skipped or is "
        "held stays as it is; what is paid meanwhile is skipped. Workers send it. Exit 0, also when there is nothing "
        "to try; 2: wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--hours", type=int, default=72, metavar="N", help="how old a letter may be at most (default: 72)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        if not 1 <= options["hours"] <= 8760:
            raise CommandError("--hours is a number from 1 to 8760.", returncode=USAGE)
        with scoped_transaction(workspace):
            again = outbox.retry(workspace.pk, mode, timezone.now(), timedelta(hours=options["hours"]))
        if options["json"]:
            self.stdout.write(json.dumps({"retried": again}))
        else:
            self.stdout.write(f"{again} letters are tried again." if again != 1 else "One letter is tried again.")
