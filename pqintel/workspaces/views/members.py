"""Who is in a workspace, and inviting others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from ..actions.invitations import invitable_roles, invite, open_invitations, revoke, seats_used
from ..actions.members import LastOwnerError, change_role, may_remove, remove_member
from ..forms import InviteForm
from ..http import MemberRequest
from ..mails import NOBODY, send_invitation
from ..models import Invitation, Membership
from ..permissions import needs
from ..plans import allowance
from ..roles import Permission, Role

log = logging.getLogger(__name__)
LAST_OWNER = "A workspace needs an owner. Make somebody else an owner first."


@dataclass(frozen=True)
class MemberRow:
    """A member as the page shows them. `id` is the membership's."""

    id: int
    name: str
    email: str
    role: str
    role_label: str
    joined_at: datetime
    is_you: bool
    can_change_role: bool
    can_remove: bool


@dataclass(frozen=True)
class InvitationRow:
    """An open invitation as the page shows it."""

    id: int
    email: str
    role_label: str
    invited_by: str
    created_at: datetime
    expires_at: datetime
    expired: bool


@needs(Permission.SEE)
@require_safe
def members(request: MemberRequest, slug: str) -> HttpResponse:
    """Everybody in the workspace; those who may invite also see who is invited."""
    return _page(request, InviteForm(invitable_roles(request.membership)))


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests  # the mail server is spoken to between two transactions, not in one
@require_POST
def send(request: MemberRequest, slug: str) -> HttpResponse:
    """Invite an address. Where the mail cannot be sent, there is no invitation either."""
    form = InviteForm(invitable_roles(request.membership), request.POST)
    if form.is_valid():
        try:
            invitation, token = invite(request.membership, form.cleaned_data["email"], Role(form.cleaned_data["role"]))
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            try:
                send_invitation(invitation, token)
            except OSError:
                log.exception("an invitation could not be mailed")
                with transaction.atomic():
                    revoke(invitation)
                form.add_error(None, "The mail server did not take the mail, so nobody is invited. Try again later.")
            else:
                messages.success(request, f"{invitation.email} is invited.")
                return redirect("workspaces:members", slug)
    with transaction.atomic():
        return _page(request, form, status=422)


@needs(Permission.CONFIGURE)
@require_POST
def withdraw(request: MemberRequest, slug: str, pk: int) -> HttpResponse:
    """Revoke an invitation."""
    invitation = get_object_or_404(Invitation, pk=pk)
    revoke(invitation)
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("workspaces:members", slug)


@needs(Permission.OWN)
@require_POST
def role(request: MemberRequest, slug: str, pk: int) -> HttpResponse:
    """Give a member another role."""
    member = _member(request, pk)
    given = request.POST.get("role", "")
    if given not in set(Role):
        messages.error(request, f"“{given}” is not a role.")
        return _page(request, InviteForm(invitable_roles(request.membership)), status=422)
    try:
        change_role(request.membership, member, Role(given))
    except LastOwnerError:
        messages.error(request, LAST_OWNER)
        return _page(request, InviteForm(invitable_roles(request.membership)), status=422)
    messages.success(request, f"{member.user.get_full_name()} is {Role(given).label.lower()} now.")
    return redirect("workspaces:members", slug)


@needs(Permission.SEE)
@require_POST
def remove(request: MemberRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a member, or leave. The action knows who may."""
    member = _member(request, pk)
    try:
        remove_member(request.membership, member)
    except LastOwnerError:
        messages.error(request, LAST_OWNER)
        return _page(request, InviteForm(invitable_roles(request.membership)), status=422)
    if member.pk == request.membership.pk:
        messages.success(request, f"You have left {request.workspace.name}.")
        return redirect("home")
    messages.success(request, f"{member.user.get_full_name()} is no longer a member.")
    return redirect("workspaces:members", slug)


def _member(request: MemberRequest, pk: int) -> Membership:
    rows = Membership.objects.select_related("user", "workspace")
    return get_object_or_404(rows, pk=pk, workspace=request.workspace)


def _page(request: MemberRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    actor, workspace = request.membership, request.workspace
    may_invite = actor.may(Permission.CONFIGURE)
    seats = allowance(workspace, now()).seats
    page = {
        "members": _members(actor),
        "role_choices": [(role.value, role.label) for role in Role],
        "invitations": _invitations(request) if may_invite else [],
        "invite_form": form if may_invite else None,
        "seats": {"used": seats_used(workspace), "limit": seats} if seats is not None else None,
    }
    return render(request, "workspaces/members.html", page, status=status)


def _members(actor: Membership) -> list[MemberRow]:
    rows = list(Membership.objects.filter(workspace=actor.workspace).select_related("user"))
    owners = [row.pk for row in rows if row.role == Role.OWNER]
    return [
        MemberRow(
            id=row.pk,
            name=row.user.name,
            email=row.user.email,
            role=row.role,
            role_label=Role(row.role).label,
            joined_at=row.joined_at,
            is_you=row.pk == actor.pk,
            can_change_role=actor.may(Permission.OWN) and owners != [row.pk],
            can_remove=may_remove(actor, row.pk, is_owner=row.role == Role.OWNER) and owners != [row.pk],
        )
        for row in rows
    ]


def _invitations(request: MemberRequest) -> list[InvitationRow]:
    return [
        InvitationRow(
            id=row.pk,
            email=row.email,
            role_label=Role(row.role).label,
            invited_by=row.invited_by.get_full_name() if row.invited_by else NOBODY,
            created_at=row.created_at,
            expires_at=row.expires_at,
            expired=not row.is_open,
        )
        for row in open_invitations(request.workspace).select_related("invited_by")
    ]
