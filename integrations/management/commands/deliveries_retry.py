"""`manage.py deliveries_retry SLUG [--channel N] [--hours N] [--json]`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from billing.management.place import USAGE, workspace_named
from integrations.channels import roster
from pqintel.workspaces.tenancy import scope


class Command(BaseCommand):
    help = (
        "Try again what failed or is held, for another 72 hours each; a broken channel gets its chance. What was sent "
        "or skipped stays as it is. Workers send it. Exit 0, also when there is nothing to try; 2: wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--channel", type=int, metavar="N", help="only this one: the number in its page's address")
        parser.add_argument(
            "--hours", type=int, default=72, metavar="N", help="how old a message may be at most (default: 72)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace = workspace_named(options["slug"])
        if not 1 <= options["hours"] <= 8760:
            raise CommandError("--hours is a number from 1 to 8760.", returncode=USAGE)
        with scope(workspace):
            with transaction.atomic():
                channels = list(roster.channels_of(workspace))
            if options["channel"] is not None:
                channels = [channel for channel in channels if channel.number == options["channel"]]
                if not channels:
                    raise CommandError(
                        f"{workspace.slug} has no channel {options['channel']}: see Settings › Channels.",
                        returncode=USAGE,
                    )
            within = timedelta(hours=options["hours"])
            done = [(channel, roster.retry(channel, within)) for channel in channels]
        if options["json"]:
            rows = [{"channel": channel.number, "name": channel.name, "retried": count} for channel, count in done]
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        if not done:
            self.stdout.write(f"{workspace.slug} has no channels.")
        for channel, count in done:
            self.stdout.write(f"{channel.number:>4}  {channel.name}: {count}")
