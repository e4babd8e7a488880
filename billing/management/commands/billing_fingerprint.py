"""`manage.py billing_fingerprint SLUG --mode test|live [--dump | --json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.fingerprint import fingerprint, state
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction


class Command(BaseCommand):
    help = (
        "A hash of the billing state: subscriptions, invoices, payments, movements and access. Two workspaces that "
        "got the same events have the same one, whatever order the events came in and however often."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--mode", required=True, choices=[m.value for m in Mode])
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--dump", action="store_true", help="print the canonical JSON that the hash is of")
        form.add_argument("--json", action="store_true", help="print the hash and those of the single tables as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["slug"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['slug']!r}.")
        with scoped_transaction(workspace):
            rows = state(workspace.pk, Mode(options["mode"]))
        if options["dump"]:
            self.stdout.write(json.dumps(rows, sort_keys=True, separators=(",", ":")))
        elif options["json"]:
            tables = {name: {"rows": len(some), "sha256": fingerprint(some)} for name, some in sorted(rows.items())}
            self.stdout.write(json.dumps({"fingerprint": fingerprint(rows), "tables": tables}, indent=2))
        else:
            self.stdout.write(fingerprint(rows))
