"""`manage.py quarantine_replay SLUG --mode test|live (--all | --reason TEXT | EVENT_ID…) [--json]`."""

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
        "Let quarantined events be processed once more. Safe at any time: what came meanwhile stays, and history is "
        "repaired. Exit 0: all that were named are on their way. 1: some are not in quarantine. 2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("events", nargs="*", metavar="EVENT_ID", help="ids as quarantine_list prints them")
        parser.add_argument("--all", action="store_true", help="every quarantined event")
        parser.add_argument("--reason", help="every event that was set aside for exactly this reason")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # The ids may be none, and then argparse would take none of them once it has met an option after the slug.
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]  # the way that Django calls
        return parser

    def handle(self, *_: Any, **options: Any) -> None:
        named = list(dict.fromkeys(options["events"]))
        if sum(map(bool, (named, options["all"], options["reason"]))) != 1:
            raise CommandError("Give event ids, or --reason TEXT, or --all.", returncode=USAGE)
        workspace, mode = self.place(options)
        with scoped_transaction(workspace):
            replayed = quarantine.replay(
                workspace.pk,
                mode,
                by="manage.py quarantine_replay",
                now=timezone.now(),
                events=named or None,
                reason=options["reason"],
            )
        missing = [event_id for event_id in named if event_id not in replayed]
        if options["json"]:
            self.stdout.write(json.dumps({"replayed": replayed, "not_in_quarantine": missing}))
        else:
            self.stdout.write(f"{len(replayed)} to be processed again.")
        if missing:
            self.stderr.write(f"Not in quarantine: {', '.join(missing)}. See quarantine_list.")
            raise SystemExit(1)
