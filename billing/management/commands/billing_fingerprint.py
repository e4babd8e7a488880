"""`manage.py billing_fingerprint SLUG --mode test|live [--dump | --json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError

from billing.fingerprint import fingerprint, state
from billing.management.place import USAGE, PlaceCommand
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = (
        "A hash of the billing state: subscriptions, invoices, payments, movements and access. Two workspaces that "
        "got the same events have the same one, whatever order the events came in and however often. --json tells "
        "those of the single tables too."
    )

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dump", action="store_true", help="print the canonical JSON that the hash is of")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        if options["dump"] and options["json"]:
            raise CommandError("Give --dump (what the hash is of) or --json (the hashes), not both.", returncode=USAGE)
        with scoped_transaction(workspace):
            rows = state(workspace.pk, mode)
        if options["dump"]:
            self.stdout.write(json.dumps(rows, sort_keys=True, separators=(",", ":")))
        elif options["json"]:
            tables = {name: {"rows": len(some), "sha256": fingerprint(some)} for name, some in sorted(rows.items())}
            self.stdout.write(json.dumps({"fingerprint": fingerprint(rows), "tables": tables}, indent=2))
        else:
            self.stdout.write(fingerprint(rows))
