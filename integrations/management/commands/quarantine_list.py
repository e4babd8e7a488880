"""`manage.py quarantine_list SLUG --mode test|live [--limit N] [--json]`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from billing.management.place import USAGE, PlaceCommand
from integrations.stripe import quarantine
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = "The events that could not be processed, the newest first, each with the reason. Times are UTC. Exit 0."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=int, default=1000, help="how many to list at most (default: 1000)")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        if options["limit"] < 1:
            raise CommandError("--limit is a number from 1 on.", returncode=USAGE)
        with scoped_transaction(workspace):
            events = quarantine.quarantined(workspace.pk, mode, options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps([asdict(event) for event in events], cls=DjangoJSONEncoder, indent=2))
            return
        if not events:
            self.stdout.write(f"Nothing of {workspace.slug} is in quarantine in {mode} mode.")
        for event in events:
            set_aside = f"{event.set_aside_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{set_aside}  {event.event_id}  {event.event_type or '(unreadable)'}  {event.reason}")
