"""Settings › Billing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billing.actions.settings import DERIVED, change_settings, settings_of
from billing.forms import NumbersForm
from billing.models import DailyRollup, Recalculation
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE, change=Permission.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def numbers(request: Any, slug: str) -> HttpResponse:
    """How MRR and churn are counted, and in which currency they are summed up. Every member may look."""
    workspace = request.workspace
    before = settings_of(workspace.pk)
    form = NumbersForm(before, _currencies(workspace.pk), request.POST or None)
    if request.method == "POST" and form.is_valid():
        derived = any(getattr(before, name) != form.changes[name] for name in DERIVED)
        change_settings(workspace, request.user, **form.changes)
        again = " All numbers are being computed again; pages say so until they are right." if derived else ""
        messages.success(request, f"The settings are saved.{again}")
        return redirect("billing_settings:numbers", slug)
    page = {
        "form": form,
        "settings": before,
        "recalculations": list(Recalculation.objects.filter(workspace=workspace, done_at=None).order_by("mode")),
    }
    return render(request, "billing/settings/numbers.html", page, status=422 if form.errors else 200)


def _currencies(workspace_id: int) -> list[str]:
    """The currencies that the workspace has ever had MRR in, in any mode."""
    rollups = DailyRollup.objects.filter(workspace_id=workspace_id, price="").exclude(currency="")
    return sorted(rollups.values_list("currency", flat=True).distinct())
