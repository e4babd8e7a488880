"""`manage.py inbox_status SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.modes import Mode
from integrations.stripe.status import inbox_status
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction


class Command(BaseCommand):
    help = "How many events of a workspace's connection wait, are done, ignored, quarantined, rejected or refused."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--mode", required=True, choices=[m.value for m in Mode])
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["slug"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['slug']!r}.")
        with scoped_transaction(workspace):
            status = inbox_status(workspace.pk, Mode(options["mode"]))
        if status is None:
            raise CommandError(f"{workspace.slug} has no {options['mode']} connection yet: see stripe_connect --help.")
        document = status.document()
        if options["json"]:
            self.stdout.write(json.dumps(document, indent=2))
            return
        for name, value in document.items():
            self.stdout.write(f"{name.replace('_', ' '):>24}  {value or 0}")
