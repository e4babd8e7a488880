"""Changing and ending memberships. Two rules: a workspace always has an owner, and only owners decide about owners."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction

from ..models import Membership, Workspace
from ..roles import Permission, Role


class LastOwnerError(Exception):
    """The workspace would be left without an owner."""


@transaction.atomic
def change_role(actor: Membership, member: Membership, role: Role) -> None:
    """Give a member another role.

    Raises:
        PermissionDenied: the actor is no owner.
        LastOwnerError: the only owner would stop being one.
    """
    if not actor.may(Permission.OWN):
        raise PermissionDenied("Only an owner changes roles.")
    owners = _locked_owners(member.workspace)
    if owners == [member.pk] and role is not Role.OWNER:
        raise LastOwnerError
    Membership.objects.filter(pk=member.pk).update(role=role)


@transaction.atomic
def remove_member(actor: Membership, member: Membership) -> None:
    """End a membership: one's own, or as admin that of anybody but an owner, or as owner anybody's.

    Raises:
        PermissionDenied: the actor may not.
        LastOwnerError: nobody would own the workspace any more.
    """
    owners = _locked_owners(member.workspace)
    if not may_remove(actor, member.pk, is_owner=member.pk in owners):
        raise PermissionDenied("Only an owner removes an owner, and only an admin or owner removes others.")
    if owners == [member.pk]:
        raise LastOwnerError
    Membership.objects.filter(pk=member.pk).delete()


def may_remove(actor: Membership, member_id: int, *, is_owner: bool) -> bool:
    """Whether the actor may end this membership, if it is not the last owner's."""
    return actor.pk == member_id or actor.may(Permission.OWN if is_owner else Permission.CONFIGURE)


def _locked_owners(workspace: Workspace) -> list[int]:
    """The ids of the owners' memberships. Two changes at once wait for each other, so that one owner always stays."""
    Workspace.objects.select_for_update().only("pk").get(pk=workspace.pk)
    return list(Membership.objects.filter(workspace=workspace, role=Role.OWNER).values_list("pk", flat=True))
