"""A workspace's general settings, and its end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from ..actions.workspaces import delete_workspace
from ..forms import DeleteForm, SettingsForm
from ..http import MemberRequest
from ..permissions import needs
from ..plans import allowance
from ..roles import Permission


@needs(Permission.SEE, change=Permission.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: MemberRequest, slug: str) -> HttpResponse:
    """Name and time zone, and the plan. Every member may look."""
    form = SettingsForm(request.workspace, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "The settings are saved.")
        return redirect("workspaces:settings", slug)
    plan = allowance(request.workspace, now())
    page = {"form": form, "plan": plan}
    return render(request, "workspaces/settings.html", page, status=422 if form.errors else 200)


@needs(Permission.OWN)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: MemberRequest, slug: str) -> HttpResponse:
    """Delete the workspace with everything in it, once its slug has been typed."""
    form = DeleteForm(request.workspace, request.POST or None)
    if request.method == "POST" and form.is_valid():
        delete_workspace(request.workspace)
        messages.success(request, f"{request.workspace.name} is deleted.")
        return redirect("home")
    return render(request, "workspaces/delete.html", {"form": form}, status=422 if form.errors else 200)
