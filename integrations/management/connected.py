"""The connection that a command is about."""

from __future__ import annotations

from django.core.management.base import CommandError

from billing.management.place import USAGE
from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction


def connected(workspace: Workspace, mode: Mode) -> Connection:
    """The workspace's connection, whose keys work. Raises CommandError (exit 2) with the remedy."""
    with scoped_transaction(workspace):
        stripe = Connection.objects.filter(workspace=workspace, mode=mode).first()
    if stripe is None or stripe.status != ConnectionStatus.CONNECTED:
        raise CommandError(
            f"{workspace.slug} is not connected to Stripe in {mode} mode: see stripe_connect --help.", returncode=USAGE
        )
    return stripe
