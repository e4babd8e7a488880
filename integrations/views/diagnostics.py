"""Settings › Integrations › Stripe › Diagnostics: what is known of a connection, and the events that were set aside.

Checking asks Stripe and the public URL, so none of these views runs in a request-long transaction.
"""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from billing.modes import Mode
from integrations.diagnostics import diagnose
from integrations.diagnostics.words import many
from integrations.forms import QuarantineForm
from integrations.models import Connection, ConnectionStatus
from integrations.stripe import quarantine, verification
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission

from .backfill import block_of


@needs(Permission.SEE, change=Permission.WORK)
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """The whole page. POST decides what becomes of quarantined events."""
    if request.method != "POST":
        return _page(request, mode, QuarantineForm())
    form = QuarantineForm(request.POST)
    if not form.is_valid():
        return _page(request, mode, form, status=422)
    _decide(request, mode, form)
    return redirect("integrations:diagnostics", slug, mode)


@needs(Permission.WORK)
@transaction.non_atomic_requests
@never_cache
@require_POST
def check(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Look at the key, its permissions, the endpoint and the public URL now; the page shows what was found."""
    with transaction.atomic():
        row = Connection.objects.filter(workspace=request.workspace, mode=mode).first()
    if row is not None and row.status in (ConnectionStatus.CONNECTED, ConnectionStatus.BROKEN):
        verification.look_now(row, timezone.now())
    if not request.htmx:
        return redirect("integrations:diagnostics", slug, mode)
    return _page(request, mode, QuarantineForm(), template="integrations/_diagnostics.html")


def _decide(request: MemberRequest, mode: Mode, form: QuarantineForm) -> None:
    action, by, now = form.cleaned_data["action"], request.user.email, timezone.now()
    with transaction.atomic():
        if action == "dismiss":
            reason = form.cleaned_data["reason"]
            moved = quarantine.dismiss(request.workspace.pk, mode, form.chosen, reason, by=by, now=now)
        else:
            events = form.chosen if action == "replay" else None
            same = form.cleaned_data["same"] if action == "replay_reason" else None
            moved = quarantine.replay(request.workspace.pk, mode, by=by, now=now, events=events, reason=same)
    if not moved:
        messages.info(request, "Nothing was left to do: these events are not set aside any more.")
    elif action == "dismiss":
        messages.success(request, f"{many(len(moved), 'event')} dismissed.")
    else:
        messages.success(request, f"{many(len(moved), 'event')} on the way to be processed again.")


def _page(
    request: MemberRequest,
    mode: Mode,
    form: QuarantineForm,
    *,
    status: int = 200,
    template: str = "integrations/diagnostics.html",
) -> HttpResponse:
    with transaction.atomic():
        diagnosis = diagnose(request.workspace, mode, timezone.now())
        row = Connection.objects.filter(workspace=request.workspace, mode=mode).first()
        backfill = block_of(row, mode, can_edit=request.membership.may(Permission.CONFIGURE))
    context = {
        "diagnosis": diagnosis,
        "form": form,
        "recovery": diagnosis.recovery,
        "reconciliation": diagnosis.reconciliation,
        "backfill": backfill,
    }
    return render(request, template, context, status=status)
