"""`manage.py quarantine_dismiss SLUG --mode test|live --reason TEXT EVENT_ID… [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from billing.management.place import USAGE, PlaceCommand
from integrations.stripe import quarantine
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = (
        "Give quarantined events up, for a reason that history keeps. Their payload is wiped, and a redelivery changes "
        "nothing: this cannot be undone. Exit 0: all are dismissed. 1: some are not in quarantine. 2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("events", nargs="+", metavar="EVENT_ID", help="ids as quarantine_list prints them")
        parser.add_argument("--reason", required=True, help="why nothing is lost by giving them up")

    def handle(self, *_: Any, **options: Any) -> None:
        named = list(dict.fromkeys(options["events"]))
        workspace, mode = self.place(options)
        try:
            with scoped_transaction(workspace):
                dismissed = quarantine.dismiss(
                    workspace.pk,
                    mode,
                    named,
                    options["reason"],
                    by="manage.py quarantine_dismiss",
                    now=timezone.now(),
                )
        except ValueError as error:
            raise CommandError(f"--reason: {error}", returncode=USAGE) from None
        missing = [event_id for event_id in named if event_id not in dismissed]
        if options["json"]:
            self.stdout.write(json.dumps({"dismissed": dismissed, "not_in_quarantine": missing}))
        else:
            self.stdout.write(f"{len(dismissed)} dismissed.")
        if missing:
            self.stderr.write(f"Not in quarantine: {', '.join(missing)}. See quarantine_list.")
            raise SystemExit(1)
