"""The way in: the landing page, the last workspace, a new one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from ..actions.workspaces import open_workspace
from ..demo import demo_sign_in
from ..forms import WorkspaceForm
from ..http import MemberRequest
from ..models import Membership, User, Workspace
from ..navigation import link_mode
from ..permissions import needs
from ..recent import recent_workspace
from ..roles import Permission


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The landing page; signed in, the dashboard of the workspace (and mode) that was last looked at."""
    if not request.user.is_authenticated:
        return render(request, "home.html", {"demo": demo_sign_in()})
    workspace = _last_or_first(request, request.user)
    return _enter(request, workspace) if workspace else redirect("workspaces:new")


@needs(Permission.SEE)
@require_safe
def enter(request: MemberRequest, slug: str) -> HttpResponse:
    """A workspace's bare URL leads to its dashboard."""
    return _enter(request, request.workspace)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Another workspace of one's own, with a trial of its own."""
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        workspace = open_workspace(form.cleaned_data["name"], request.user, timezone=form.cleaned_data["timezone"])
        return redirect("integrations:stripe", workspace.slug)
    return render(request, "workspaces/new.html", {"form": form}, status=422 if form.errors else 200)


def _enter(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return redirect("billing:dashboard", workspace.slug, link_mode(request, workspace))


def _last_or_first(request: HttpRequest, user: User) -> Workspace | None:
    memberships = {m.workspace_id: m for m in Membership.objects.filter(user=user).select_related("workspace")}
    last = memberships.get(recent_workspace(request.session) or 0)
    chosen = last or next(iter(memberships.values()), None)
    return chosen.workspace if chosen else None
