"""Settings › Billing › Dunning: the terms of new cases, and who is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from billing.actions.access.proposals import tiers_of
from billing.modes import Mode
from billing.names import customer_labels
from dunning import handling, letters
from dunning.cards import rounds
from dunning.cards.page import cards_page
from dunning.forms import CardNoticeForm, ExclusionForm, PolicyForm, amounts_text
from dunning.letters import outbox
from dunning.models import Case, Exclusion, ExclusionKind, Policy
from dunning.terms import policy_of
from integrations.channels.roster import channels_of
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission

PAGE = "dunning:policy"


@needs(Permission.SEE, change=Permission.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def show_policy(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The policy; every member may look. Cases that run keep the terms that they began with."""
    policy = policy_of(request.workspace.pk, mode)
    channels = list(channels_of(request.workspace).defer("secret"))
    form = PolicyForm(policy, channels, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        changed = {**form.changes, "changed_at": now, "changed_by": request.user.email}
        saved, _ = Policy.objects.update_or_create(workspace=request.workspace, mode=mode, defaults=changed)
        stopped = 0 if saved.enabled else letters.turn_off(request.workspace.pk, mode, now)
        withheld = f" {stopped} letter{'' if stopped == 1 else 's'} that waited will not go out." if stopped else ""
        kept = "The policy is saved. Cases that run keep the schedule and texts they began with."
        messages.success(request, f"{kept}{withheld}")
        return redirect(PAGE, slug, mode)
    return _page(request, mode, policy, form, _exclusion_form(request, mode))


@needs(Permission.CONFIGURE)
@require_POST
def save_card_notice(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Whether customers are told that their card expires. Turned off, what was kept of cards is forgotten."""
    policy = policy_of(request.workspace.pk, mode)
    form, now = CardNoticeForm(policy, request.POST), timezone.now()
    if not form.is_valid():
        channels = list(channels_of(request.workspace).defer("secret"))
        return _page(request, mode, policy, PolicyForm(policy, channels), _exclusion_form(request, mode), form)
    changed = {**form.cleaned_data, "changed_at": now, "changed_by": request.user.email}
    Policy.objects.update_or_create(workspace=request.workspace, mode=mode, defaults=changed)
    on = form.cleaned_data["card_notice"]
    rounds.switched(request.workspace.pk, mode, on=on, now=now)
    told = "Customers are told" if on else "Nobody is told"
    messages.success(request, f"{told} that their card expires soon.")
    return redirect(PAGE, slug, mode)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def add_exclusion(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Leave somebody alone from now on; what runs about them ends."""
    with transaction.atomic():
        form = _exclusion_form(request, mode, request.POST)
        if not form.is_valid():
            policy = policy_of(request.workspace.pk, mode)
            channels = list(channels_of(request.workspace).defer("secret"))
            return _page(request, mode, policy, PolicyForm(policy, channels), form)
    given = form.cleaned_data
    kind, by = ExclusionKind(given["kind"]), request.user.email
    ended = handling.exclude(request.workspace.pk, mode, kind, given["value"], given["reason"], by, timezone.now())
    cases = f" {ended} case{'' if ended == 1 else 's'} ended." if ended else ""
    messages.success(request, f"Excluded.{cases}")
    return redirect(PAGE, slug, mode)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def remove_exclusion(request: Any, slug: str, mode: Mode, pk: int) -> HttpResponse:
    """Take an exclusion back."""
    with transaction.atomic():
        exclusion = get_object_or_404(Exclusion, pk=pk, workspace=request.workspace, mode=mode)
    handling.include(exclusion)
    messages.success(request, "The exclusion is taken back. The next failed attempt is dunned again.")
    return redirect(PAGE, slug, mode)


def _page(
    request: Any,
    mode: Mode,
    policy: Policy,
    form: PolicyForm,
    exclusion_form: ExclusionForm,
    card_form: CardNoticeForm | None = None,
) -> HttpResponse:
    card_form = card_form or CardNoticeForm(policy)
    rows = list(Exclusion.objects.filter(workspace=request.workspace, mode=mode).order_by("-created_at", "-pk"))
    context = {
        "form": form,
        "policy": policy,
        "amounts": amounts_text(policy.escalate_amounts).splitlines(),
        "exclusions": _named(request, mode, rows),
        "exclusion_form": exclusion_form,
        "card_form": card_form,
        "cards": cards_page(request.workspace, mode, policy, timezone.now()),
        "letters_wanted": outbox.wanted(request.workspace.pk, mode),
        "has_channels": "channels" in form.fields,
        "running": Case.objects.filter(workspace=request.workspace, mode=mode, closed_at=None).count(),
    }
    wrong = bool(form.errors or exclusion_form.errors or card_form.errors)
    return render(request, "dunning/policy.html", context, status=422 if wrong else 200)


def _exclusion_form(request: Any, mode: Mode, data: Any = None) -> ExclusionForm:
    tiers = [(key, terms.name) for key, terms in tiers_of(request.workspace.pk).items()]
    return ExclusionForm(request.workspace, mode, tiers, data)


def _named(request: Any, mode: Mode, rows: Sequence[Exclusion]) -> list[tuple[Exclusion, str]]:
    """Exclusions with the name of whom they are about."""
    customers = [row.value for row in rows if row.kind == ExclusionKind.CUSTOMER]
    labels = customer_labels(request.workspace.pk, mode, customers)
    tiers = {key: terms.name for key, terms in tiers_of(request.workspace.pk).items()}
    return [(row, (labels if row.kind == ExclusionKind.CUSTOMER else tiers).get(row.value, row.value)) for row in rows]
