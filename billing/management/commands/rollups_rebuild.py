"""`manage.py rollups_rebuild SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from billing.actions.rebuild import rebuild
from billing.management.place import PlaceCommand, lane_held


class Command(PlaceCommand):
    help = (
        "Compute MRR spans, movements, daily sums, failed attempts and payment states of a workspace again from what "
        "its events told, and say what differed. "
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
                "failures_corrected": rebuilt.failures,
                "payment_states_corrected": rebuilt.standing,
            }
            self.stdout.write(json.dumps(document))
        else:
            corrected = (
                f"{rebuilt.movements} movements, {rebuilt.rollups} daily sums, {rebuilt.failures} failed attempts and "
                f"{rebuilt.standing} payment states"
            )
            self.stdout.write(f"{rebuilt.customers} customers; {corrected} corrected.")
