"""The page behind the link of an invitation. Anybody may open it; only the invited address may accept."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ..actions.invitations import InvitationClosedError, accept, addressed_to, closed_because
from ..mails import offer_of
from ..models import Invitation, User, Workspace
from ..permissions import public
from ..tenancy import scope

GONE = {"expired", "revoked", "used"}


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Show the invitation, or accept it (POST)."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        return _invalid(request, "unknown")
    with scope(workspace):
        invitation = (
            Invitation.objects.select_related("workspace", "invited_by")
            .filter(token_hash=Invitation.hash(token))
            .first()
        )
        if invitation is None:
            return _invalid(request, "unknown")
        if reason := closed_because(invitation):
            return _invalid(request, reason)
        return _answer(request, invitation)


def _answer(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    user = request.user
    if request.method == "POST" and isinstance(user, User) and addressed_to(invitation, user):
        try:
            accept(invitation, user)
        except InvitationClosedError as closed:
            return _invalid(request, closed.reason)
        messages.success(request, f"Welcome to {invitation.workspace.name}.")
        return redirect("workspaces:enter", invitation.workspace.slug)
    if not isinstance(user, User):
        state = "signed_out"
    else:
        state = "ready" if addressed_to(invitation, user) else "wrong_account"
    page = {
        "invitation": offer_of(invitation),
        "state": state,
        "login_url": f"{reverse('account_login')}?{urlencode({'next': request.path})}",
        "signup_url": f"{reverse('account_signup')}?{urlencode({'next': request.path, 'email': invitation.email})}",
    }
    status = 200 if request.method != "POST" else 403
    return render(request, "workspaces/invitation_accept.html", page, status=status)


def _invalid(request: HttpRequest, reason: str) -> HttpResponse:
    page = {"reason": reason}
    return render(request, "workspaces/invitation_invalid.html", page, status=410 if reason in GONE else 404)
