"""Which Stripe account may be connected where: one per workspace, in one workspace only, a few per user (P4).

The only place that looks at connections across workspaces. It answers with a sentence and never says whose they are.
"""

from __future__ import annotations

from collections.abc import Collection

from integrations.models import Connection
from pqintel.workspaces.models import Membership
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import everywhere


class AccountConflict(Exception):  # noqa: N818 - it names the outcome
    """The account cannot be connected here. `remedy` says what to do instead."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


def refuse_conflict(connection: Connection, account_id: str | None) -> None:
    """Raise unless this account may be connected here. An unknown account (None) is only counted.

    Raises:
        AccountConflict: see its text. Needs a transaction.
    """
    if account_id is not None:
        if connection.account_id not in (None, account_id):
            raise AccountConflict(
                f"These keys belong to {account_id}, but this workspace holds the data of {connection.account_id}.",
                "One workspace holds one Stripe account. Make another workspace for this account.",
            )
        if _connected_elsewhere(connection, account_id):
            raise AccountConflict(
                f"{account_id} is already connected in another workspace.",
                "Use that workspace, or have the account disconnected there: manage.py stripe_connect --disconnect.",
            )
    _refuse_one_too_many(connection)


def _connected_elsewhere(connection: Connection, account_id: str) -> bool:
    with everywhere("is this Stripe account connected in another workspace"):
        return (
            Connection.objects.filter(account_id=account_id, connected_at__isnull=False)
            .exclude(workspace_id=connection.workspace_id)
            .exists()
        )


def _refuse_one_too_many(connection: Connection) -> None:
    """An owner with room is enough; workspaces that are connected already do not need room."""
    owners = list(
        Membership.objects.filter(workspace_id=connection.workspace_id, role=Role.OWNER).select_related("user")
    )
    if not owners or _connected([connection.workspace_id]):
        return
    for owner in owners:
        owned = Membership.objects.filter(user_id=owner.user_id, role=Role.OWNER)
        if len(_connected(owned.values_list("workspace_id", flat=True))) < owner.user.stripe_account_limit:
            return
    limit = max(owner.user.stripe_account_limit for owner in owners)
    raise AccountConflict(
        f"The workspaces of this owner already connect {limit} Stripe accounts, which is the limit.",
        "Ask whoever runs PQ Intel to raise the limit, or to disconnect an account that is no longer needed.",
    )


def _connected(workspaces: Collection[int]) -> set[int]:
    """Those of the workspaces that have connected an account, in either mode."""
    ids = list(workspaces)
    with everywhere("how many Stripe accounts does an owner connect"):
        found = Connection.objects.filter(workspace_id__in=ids, connected_at__isnull=False)
        return set(found.values_list("workspace_id", flat=True))
