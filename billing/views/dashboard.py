"""The dashboard: MRR, movements, rates, subscribers, plans and what happened, of one mode."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.dashboard import Standing, dashboard, standing
from billing.metrics.periods import COMPARISONS, PRESETS, chosen
from billing.modes import Mode
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def show_dashboard(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The numbers of a period (`range`, `from`, `to`, `compare`; the last 30 days unasked) and the feed of one mode."""
    now = timezone.now()
    return render(
        request, "billing/dashboard.html", _context(request, mode, standing(request.workspace, mode, now), now)
    )


@needs(Permission.SEE)
@require_safe
@never_cache
def live_dashboard(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The dashboard's moving part, of the same period: 204 while nothing is new since `?seen=`."""
    now = timezone.now()
    state = standing(request.workspace, mode, now)
    if request.GET.get("seen") == str(state.version):
        return HttpResponse(status=204)
    return render(request, "billing/_dashboard_live.html", _context(request, mode, state, now))


def _context(request: Any, mode: Mode, state: Standing, now: datetime) -> dict[str, Any]:
    choice = chosen(request.GET, state.today)
    shown = dashboard(request.workspace, mode, now, choice, state)
    return {"dashboard": shown, "presets": PRESETS, "comparisons": COMPARISONS}
