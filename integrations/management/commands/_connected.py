"""The connection that a command is about."""

from __future__ import annotations

from django.core.management.base import CommandError

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

USAGE = 2


def connected(slug: str, mode: Mode) -> tuple[Workspace, Connection]:
    """The workspace and its connection, whose keys work. Raises CommandError (exit 2) with the remedy."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f"There is no workspace {slug!r}.", returncode=USAGE)
    with scoped_transaction(workspace):
        stripe = Connection.objects.filter(workspace=workspace, mode=mode).first()
    if stripe is None or stripe.status != ConnectionStatus.CONNECTED:
        raise CommandError(f"{slug} is not connected in {mode} mode: see stripe_connect --help.", returncode=USAGE)
    return workspace, stripe
