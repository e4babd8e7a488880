"""Cases: the list, one with its timeline, and what members do about it.

What members do waits for locks of its own, so none of these views runs in a request-long transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing.lists.asked import ask
from billing.lists.export import download
from billing.lists.rows import Place
from billing.modes import Mode
from dunning import handling
from dunning.case_page import case_page
from dunning.cases import Impossible
from dunning.forms import ReasonForm
from dunning.listing import CASES
from dunning.models import Case, ExclusionKind
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission

PAGE = "dunning:case"


@needs(Permission.SEE)
@require_safe
@never_cache
def show_cases(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The cases of one mode."""
    asked = ask(CASES, Place(request.workspace.pk, mode, timezone.now()), request.GET)
    return render(request, "dunning/cases.html", {"list": asked})


# Read for as long as it is long: in many short transactions, none of which is the request's.
@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def cases_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same cases as CSV."""
    return download(CASES, Place(request.workspace.pk, mode, timezone.now()), request.workspace.slug, request.GET)


@needs(Permission.SEE)
@require_safe
@never_cache
def show_case(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """One case: how it stands, what comes next, all that was done."""
    return _page(request, mode, _case(request, mode, stripe_id))


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def pause(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """Let nothing be done about a case for now."""
    return _do(request, mode, stripe_id, handling.pause, "The case is paused.")


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def go_on(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """Let a paused case go on."""
    return _do(request, mode, stripe_id, handling.go_on, "The case goes on.")


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def send(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """Write the next letter now. Whether it goes out, its own line of the timeline says."""
    seen = request.POST.get("newest_letter")

    def write(case: Case, by: str, now: datetime) -> None:
        handling.send_now(case, by, now, seen)

    return _do(request, mode, stripe_id, write, "The letter is written: the timeline says what becomes of it.")


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def give_back(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """Give back the access that a closed case still holds back."""
    return _do(request, mode, stripe_id, handling.give_back, "Access is given back.")


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def resolve(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """End a case by decision of a member, who says why."""

    def end(case: Case, reason: str, by: str, now: datetime) -> None:
        handling.resolve(case, reason, by, now)

    return _end(request, mode, stripe_id, "resolve_form", end, "The case is closed.")


@needs(Permission.WORK)
@transaction.non_atomic_requests
@require_POST
def exclude(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """Dun the customer no more, now and later."""

    def end(case: Case, reason: str, by: str, now: datetime) -> None:
        kind, customer = ExclusionKind.CUSTOMER, case.customer
        handling.exclude(case.workspace_id, mode, kind, customer, reason, by, now)

    return _end(request, mode, stripe_id, "exclude_form", end, "The customer is not dunned any more.")


def _do(
    request: Any, mode: Mode, stripe_id: str, act: Callable[[Case, str, datetime], object], done: str
) -> HttpResponse:
    with transaction.atomic():
        case = _case(request, mode, stripe_id)
    try:
        act(case, request.user.email, timezone.now())
    except Impossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect(PAGE, request.workspace.slug, mode, stripe_id)


def _end(
    request: Any,
    mode: Mode,
    stripe_id: str,
    name: str,
    act: Callable[[Case, str, str, datetime], None],
    done: str,
) -> HttpResponse:
    form = ReasonForm(request.POST, prefix=name)
    with transaction.atomic():
        case = _case(request, mode, stripe_id)
        if not form.is_valid():
            return _page(request, mode, case, status=422, **{name: form})
    return _do(request, mode, stripe_id, lambda one, by, now: act(one, form.cleaned_data["reason"], by, now), done)


def _case(request: Any, mode: Mode, stripe_id: str) -> Case:
    return get_object_or_404(Case, workspace=request.workspace, mode=mode, invoice=stripe_id)


def _page(request: Any, mode: Mode, case: Case, status: int = 200, **forms: ReasonForm) -> HttpResponse:
    context = {
        "page": case_page(request.workspace, mode, case, timezone.now()),
        "resolve_form": ReasonForm(prefix="resolve_form"),
        "exclude_form": ReasonForm(prefix="exclude_form"),
        **forms,
    }
    return render(request, "dunning/case.html", context, status=status)
