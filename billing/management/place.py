"""What commands about a workspace have in common: which one and which mode is meant, and its lane."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope

USAGE: Final = 2
"""Exit code of a wrong argument, as argparse has it."""
PATIENCE_SECONDS: Final = 60
PAUSE_SECONDS: Final = 0.05


class PlaceCommand(BaseCommand):
    """A command about one mode of a workspace: `SLUG --mode test|live [--json]`."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("--mode", required=True, choices=[mode.value for mode in Mode])
        parser.add_argument("--json", action="store_true", help="print JSON")

    @staticmethod
    def place(options: dict[str, Any]) -> tuple[Workspace, Mode]:
        """The workspace and mode that are meant. Raises CommandError."""
        return workspace_named(options["slug"]), Mode(options["mode"])


def workspace_named(slug: str) -> Workspace:
    """The workspace with this slug. Raises CommandError (exit 2) where there is none."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f"There is no workspace {slug!r}.", returncode=USAGE)
    return workspace


@contextmanager
def lane_held(workspace: Workspace, mode: Mode) -> Iterator[None]:
    """The workspace's scope with its lane held: nobody else writes billing state meanwhile.

    Raises CommandError (exit 1) when workers keep it for a minute.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    with scope(workspace):
        while True:
            with hold_lane(lane_of(workspace.pk, mode)) as held:
                if held:
                    yield
                    return
            if time.monotonic() >= until:
                raise CommandError("A worker has been busy with this workspace for a minute. Try again later.")
            time.sleep(PAUSE_SECONDS)
