"""What dunning brought in."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.modes import Mode
from dunning.recovery import recovered
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def show_recovery(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Recovered, lost and open, by month of failure, by step and by decline class."""
    zone = ZoneInfo(request.workspace.timezone)
    found = recovered(request.workspace.pk, mode, zone, timezone.now())
    return render(request, "dunning/recovery.html", {"currencies": found})
