"""Inviting people, and what becomes of an invitation."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from ..models import Invitation, Membership, User, Workspace
from ..plans import allowance
from ..roles import Permission, Role
from ..tenancy import current_workspace_id, scoped_transaction

INVITATIONS_A_DAY = 50
"""The most that one workspace sends in 24 hours: what we mail in its name must not become spam."""


class InvitationClosedError(Exception):
    """The invitation cannot be accepted; `reason` is `expired`, `revoked` or `used`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def invitable_roles(actor: Membership) -> list[Role]:
    """The roles that this member may give: an admin makes no owners."""
    return [role for role in Role if role is not Role.OWNER or actor.may(Permission.OWN)]


def open_invitations(workspace: Workspace) -> QuerySet[Invitation]:
    """Sent, not accepted, not revoked; some may have expired. Needs the workspace's scope."""
    return Invitation.objects.filter(workspace=workspace, accepted_at=None, revoked_at=None)


def seats_used(workspace: Workspace) -> int:
    """Members, and invitations that may still become members. Needs the workspace's scope."""
    waiting = open_invitations(workspace).filter(expires_at__gt=now())
    return Membership.objects.filter(workspace=workspace).count() + waiting.count()


def invite(actor: Membership, email: str, role: Role) -> tuple[Invitation, str]:
    """Make an invitation in the actor's workspace; gives it and the secret of its link, which is not kept.

    An earlier open invitation of the same address is revoked, so that only one link works. Sends nothing.

    Raises:
        PermissionDenied: the actor may not invite, or not to this role.
        ValidationError: a member has this address, no seat is free, or the day's number is used up.
    """
    workspace, email = actor.workspace, email.lower()
    if not actor.may(Permission.CONFIGURE) or role not in invitable_roles(actor):
        raise PermissionDenied(f"Your role here is {actor.role}; it cannot invite anybody as {role}.")
    with scoped_transaction(workspace):
        Workspace.objects.select_for_update().only("pk").get(pk=workspace.pk)  # seats are counted one at a time
        open_invitations(workspace).filter(email=email).update(revoked_at=now())
        _check(workspace, email)
        token = Invitation.new_token()
        invitation = Invitation.objects.create(
            workspace=workspace, email=email, role=role, token_hash=Invitation.hash(token), invited_by=actor.user
        )
    return invitation, token


def revoke(invitation: Invitation) -> None:
    """Make the link useless. Does nothing to an invitation that was accepted. Needs the workspace's scope."""
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(revoked_at=now())


def addressed_to(invitation: Invitation, user: User) -> bool:
    """Whether the invitation is for this person: it names the address they sign in with, or one they have proven."""
    if user.email.lower() == invitation.email:
        return True
    return bool(EmailAddress.objects.filter(user=user, email=invitation.email, verified=True).exists())


def closed_because(invitation: Invitation) -> str | None:
    """Why the invitation cannot be accepted any more (`used`, `revoked`, `expired`), None if it can."""
    if invitation.accepted_at:
        return "used"
    if invitation.revoked_at:
        return "revoked"
    return None if invitation.is_open else "expired"


@transaction.atomic
def accept(invitation: Invitation, user: User) -> Membership:
    """Make the person a member, once. Who is one already stays what they are. Needs the workspace's scope.

    Raises:
        PermissionDenied: the invitation is for another address.
        InvitationClosedError: it was used, revoked, or is too old.
    """
    locked = Invitation.objects.select_for_update().get(pk=invitation.pk, workspace=current_workspace_id())
    if reason := closed_because(locked):
        raise InvitationClosedError(reason)
    if not addressed_to(locked, user):
        raise PermissionDenied("This invitation is for another address.")
    membership, _ = Membership.objects.get_or_create(
        workspace_id=locked.workspace_id, user=user, defaults={"role": locked.role}
    )
    Invitation.objects.filter(pk=locked.pk).update(accepted_at=now())
    return membership


def _check(workspace: Workspace, email: str) -> None:
    if Membership.objects.filter(workspace=workspace, user__email__iexact=email).exists():
        raise ValidationError({"email": f"{email} is a member already."})
    seats = allowance(workspace, now()).seats
    if seats is not None and seats_used(workspace) >= seats:
        raise ValidationError(f"All {seats} seats of your plan are taken. Remove somebody, or choose a larger plan.")
    since = now() - timedelta(days=1)
    if Invitation.objects.filter(workspace=workspace, created_at__gt=since).count() >= INVITATIONS_A_DAY:
        raise ValidationError(f"{INVITATIONS_A_DAY} invitations were sent today. Send the next ones tomorrow.")
