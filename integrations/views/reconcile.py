"""Diagnostics: comparing with Stripe now, and what such comparisons found."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import reconcile
from integrations.stripe.reconcile.run import NOT_CONNECTED
from integrations.tasks.reconciling import reconcile_bell
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.CONFIGURE)
@require_POST
def begin(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Begin a comparison, or show the one that goes on."""
    stripe = Connection.objects.filter(workspace=request.workspace, mode=mode).first()
    problem = None
    try:
        if stripe is None:
            raise reconcile.CannotReconcile(NOT_CONNECTED)
        reconcile.begin(stripe, asked_by=request.user.email)
        transaction.on_commit(lambda: reconcile_bell.ring(stripe.lane))
    except reconcile.CannotReconcile as refusal:
        problem = str(refusal)
    if request.htmx:
        return _card(request, mode, problem)
    if problem:
        messages.error(request, problem)
    return redirect("integrations:drift", slug, mode)


@needs(Permission.SEE)
@never_cache
@require_safe
def card(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """How the comparison stands: the card asks for itself while one goes on."""
    return _card(request, mode)


@needs(Permission.SEE)
@never_cache
@require_safe
def drift(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """The differences that were found, newest first."""
    before = request.GET.get("before", "")
    oldest = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    lines, older = reconcile.drift_lines(request.workspace.pk, mode, oldest)
    context = {
        "reconciliation": reconcile.status(request.workspace.pk, mode),
        "drifts": lines,
        "older": older,
        "first_page": oldest is None,
    }
    return render(request, "integrations/drift.html", context)


def _card(request: MemberRequest, mode: Mode, problem: str | None = None) -> HttpResponse:
    context = {"reconciliation": reconcile.status(request.workspace.pk, mode), "problem": problem}
    return render(request, "integrations/_reconciliation.html", context)
