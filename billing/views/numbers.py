"""The page behind each number (P18)."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.cohorts_page import cohorts_page
from billing.modes import Mode
from billing.numbers_page import number_page
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def show_number(request: Any, slug: str, mode: Mode, metric: str) -> HttpResponse:
    """A number's definition, its formula with the figures put in, and the rows that sum to it."""
    page = number_page(request.workspace, mode, metric, request.GET, timezone.now())
    if page is None:
        raise Http404("There is no such number.")
    return render(request, "billing/numbers/number.html", {"number": page})


@needs(Permission.SEE)
@require_safe
@never_cache
def show_cohorts(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """What is left of each month's new customers, and of the MRR they began with, month by month."""
    page = cohorts_page(request.workspace, mode, request.GET, timezone.now())
    return render(request, "billing/numbers/cohorts.html", {"cohorts": page})
