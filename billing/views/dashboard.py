"""The dashboard: MRR, subscribers, plans and what happened, of one mode."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.dashboard import current_version, dashboard
from billing.modes import Mode
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def show_dashboard(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """MRR, active subscribers, plans and the feed of one mode."""
    shown = dashboard(request.workspace, mode, timezone.now())
    return render(request, "billing/dashboard.html", {"dashboard": shown})


@needs(Permission.SEE)
@require_safe
@never_cache
def live_dashboard(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The dashboard's moving part: 204 while nothing is new since `?seen=`."""
    version, _, _ = current_version(request.workspace.pk, mode)
    if request.GET.get("seen") == str(version):
        return HttpResponse(status=204)
    shown = dashboard(request.workspace, mode, timezone.now())
    return render(request, "billing/_dashboard_live.html", {"dashboard": shown})
