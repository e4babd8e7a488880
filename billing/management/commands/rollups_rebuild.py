"""`manage.py rollups_rebuild SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from billing.actions.rebuild import rebuild
from billing.management.place import PlaceCommand, lane_held


class Command(PlaceCommand):
    help = (
        "Compute MRR spans, movements and daily sums of a workspace again from the versions, and say what differed. "
        "Where nothing is wrong nothing is written. Exit code 1 when the lane stays busy."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with lane_held(workspace, mode):
            rebuilt = rebuild(workspace.pk, mode)
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
