"""`manage.py rollups_rebuild SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.actions.rebuild import rebuild
from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope

PATIENCE_SECONDS = 60


class Command(BaseCommand):
    help = (
        "Compute MRR spans, movements and daily sums of a workspace again from the versions, and say what differed. "
        "Where nothing is wrong nothing is written. Exit code 1 when the lane stays busy."
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
                        rebuilt = rebuild(workspace.pk, mode)
                        break
                if time.monotonic() >= until:
                    raise CommandError("A worker has been busy with this workspace for a minute. Try again later.")
                time.sleep(0.05)
        if options["json"]:
            document = {
                "customers": rebuilt.customers,
                "movements_corrected": rebuilt.movements,
                "rollups_corrected": rebuilt.rollups,
            }
            self.stdout.write(json.dumps(document))
        else:
            corrected = f"{rebuilt.movements} movements and {rebuilt.rollups} daily sums corrected"
            self.stdout.write(f"{rebuilt.customers} customers; {corrected}.")
