"""`manage.py access_recompute SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from billing.actions.access.due import recompute_all
from billing.management.place import PlaceCommand, lane_held


class Command(PlaceCommand):
    help = (
        "Decide again what every customer of a workspace may use, and say how many rows differed. Where nothing is "
        "wrong nothing is written. Exit code 1 when the lane stays busy."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with lane_held(workspace, mode):
            looked_at, changed = recompute_all(workspace.pk, mode, "access_recompute")
        if options["json"]:
            self.stdout.write(json.dumps({"customers": looked_at, "changed": changed}))
        else:
            self.stdout.write(f"{looked_at} customers; {changed} changed.")
