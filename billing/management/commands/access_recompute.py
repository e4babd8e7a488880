"""`manage.py access_recompute SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.actions.access.due import recompute_all
from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope

PATIENCE_SECONDS = 60


class Command(BaseCommand):
    help = (
        "Decide again what every customer of a workspace may use, and say how many rows differed. Where nothing is "
        "wrong nothing is written. Exit code 1 when the lane stays busy."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--mode", required=True, choices=[m.value for m in Mode])
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["slug"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['slug']!r}.")
        mode = Mode(options["mode"])
        until = time.monotonic() + PATIENCE_SECONDS
        with scope(workspace):
            while True:
                with hold_lane(lane_of(workspace.pk, mode)) as held:
                    if held:
                        looked_at, changed = recompute_all(workspace.pk, mode, "access_recompute")
                        break
                if time.monotonic() >= until:
                    raise CommandError("A worker has been busy with this workspace for a minute. Try again later.")
                time.sleep(0.05)
        if options["json"]:
            self.stdout.write(json.dumps({"customers": looked_at, "changed": changed}))
        else:
            self.stdout.write(f"{looked_at} customers; {changed} changed.")
