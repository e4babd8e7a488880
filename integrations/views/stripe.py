"""Settings › Integrations › Stripe: test and live side by side, Save & Verify, and its steps.

These views ask Stripe and the public URL, so none of them runs in a request-long transaction.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from billing.modes import Mode
from integrations.forms import StripeCredentialsForm
from integrations.stripe import connections, verification
from pqintel.vault import SealError
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.plans import allowance
from pqintel.workspaces.roles import Permission

from .panel import Panel, panel_of, state_of


@needs(Permission.SEE)
@transaction.non_atomic_requests
@never_cache
@require_safe
def page(request: MemberRequest, slug: str) -> HttpResponse:
    """Both panels. Members who may not configure see how things stand and no form."""
    return _page(request, {})


@needs(Permission.SEE)
@transaction.non_atomic_requests
@never_cache
@require_safe
def state(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """How the connection is doing: 204 while nothing is new since `?seen=`."""
    panel = state_of(request.workspace, mode)
    if request.GET.get("seen") == str(panel.version):
        return HttpResponse(status=204)
    if not request.htmx:
        return redirect("integrations:stripe", request.workspace.slug)
    return render(request, "integrations/_stripe_state.html", {"panel": panel})


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_POST
@sensitive_post_parameters(*connections.FIELDS)
def verify(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Seal what was typed as a draft and begin its checks. With nothing typed, verify what is stored once more."""
    connection = connections.connection_for(request.workspace, mode)
    try:
        form = StripeCredentialsForm(mode, connections.candidates(connection), request.POST)
    except SealError:  # the panel says so
        return _answer(request, panel_of(request.workspace, mode, can_edit=True))
    if not allowance(request.workspace, timezone.now()).stripe_integration:
        form.add_error(None, "Connecting Stripe needs the Growth plan.")
    if not form.is_valid():
        return _invalid(request, panel_of(request.workspace, mode, can_edit=True, form=form))
    with transaction.atomic():
        verification.begin(connections.save_draft(connection, form.given, by=request.user.email))
    return _answer(request, panel_of(request.workspace, mode, can_edit=True))


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_POST
def step(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Do the next check of the run; the page asks again while one is left."""
    verification.run_next(connections.connection_for(request.workspace, mode), by=request.user.email)
    return _answer(request, panel_of(request.workspace, mode, can_edit=True, keeps_form=True))


def _answer(request: MemberRequest, panel: Panel) -> HttpResponse:
    if not request.htmx:
        return redirect("integrations:stripe", request.workspace.slug)
    return render(request, "integrations/_stripe_panel.html", {"panel": panel})


def _invalid(request: MemberRequest, panel: Panel) -> HttpResponse:
    if not request.htmx:
        return _page(request, {panel.mode: panel}, status=422)
    return render(request, "integrations/_stripe_panel.html", {"panel": panel}, status=422)


def _page(request: MemberRequest, known: dict[Mode, Panel], status: int = 200) -> HttpResponse:
    request.mode = None  # the page shows both, whichever side it was reached by
    may = request.membership.may(Permission.CONFIGURE)
    panels = [known.get(mode) or panel_of(request.workspace, mode, can_edit=may) for mode in (Mode.TEST, Mode.LIVE)]
    context: dict[str, Any] = {"panels": panels}
    return render(request, "integrations/stripe.html", context, status=status)
