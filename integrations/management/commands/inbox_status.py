"""`manage.py inbox_status SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError

from billing.management.place import PlaceCommand
from integrations.stripe.status import inbox_status
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = "How many events of a workspace's connection wait, are done, ignored, quarantined, rejected or refused."

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with scoped_transaction(workspace):
            status = inbox_status(workspace.pk, mode)
        if status is None:
            raise CommandError(f"{workspace.slug} has no {mode} connection yet: see stripe_connect --help.")
        document = status.document()
        if options["json"]:
            self.stdout.write(json.dumps(document, indent=2))
            return
        for name, value in document.items():
            self.stdout.write(f"{name.replace('_', ' '):>24}  {value or 0}")
