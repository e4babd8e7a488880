"""Settings › Billing › Summary: what is sent each day or week, a look at it, and what became of those before."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from alerts.digest.choosing import choose
from alerts.digest.page import digest_page, form_of
from alerts.models import Cadence
from billing.modes import Mode
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE, change=Permission.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Both summaries of a mode. Every member may look."""
    now, posted = timezone.now(), None
    if request.method == "POST":
        cadence = _cadence(request.POST.get("cadence"))
        posted = form_of(request.workspace, mode, cadence, request.POST)
        if posted.is_valid():
            choose(request.workspace, mode, cadence, now=now, **posted.changes)
            messages.success(request, f"The {cadence} summary is saved.")
            return redirect("digest:page", slug, mode)
    shown = digest_page(
        request.workspace,
        mode,
        now,
        cadence=_cadence(request.GET.get("cadence")),
        before=_number(request.GET.get("before", "")),
        posted=posted,
    )
    return render(request, "alerts/digest.html", {"digest": shown}, status=422 if posted else 200)


def _cadence(text: str | None) -> Cadence:
    return Cadence.WEEKLY if text == Cadence.WEEKLY else Cadence.DAILY


def _number(text: str) -> int | None:
    """A row's number in an address; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
