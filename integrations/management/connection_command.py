"""What commands about one connection have in common: which one is meant."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.modes import Mode
from pqintel.workspaces.models import Workspace

USAGE: Final = 2
"""Exit code of a wrong argument, as argparse has it."""


class ConnectionCommand(BaseCommand):
    """A command about a workspace's connection in one mode: `SLUG --mode test|live [--json]`."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--mode", required=True, choices=[mode.value for mode in Mode])
        parser.add_argument("--json", action="store_true", help="print JSON")

    @staticmethod
    def place(options: dict[str, Any]) -> tuple[Workspace, Mode]:
        """The workspace and mode that are meant. Raises CommandError."""
        workspace = Workspace.objects.filter(slug=options["slug"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['slug']!r}.", returncode=USAGE)
        return workspace, Mode(options["mode"])
