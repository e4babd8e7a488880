"""Settings › Plans: tiers, which price gives which, who does not pay, overrides. Every change shows its effect first.

A change waits for the lane of the workspace for a moment, so none of these views runs in a request-long transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.access import plans as reading
from billing.access.forms import ADD_ON, UNMAPPED, MappingForm, OverrideForm, PolicyForm, TierForm
from billing.access.rules import LOOKUP_KEY, PRICE, PRODUCT_TIER
from billing.access.uses import uses_of_tier
from billing.actions.access.carrying import Effect, carry_out, effect_of
from billing.actions.access.deleting import DeleteTier, TierInUseError
from billing.actions.access.proposals import EditTier, Grant, MapPrice, Proposal, Revoke, SetPolicy, tiers_of
from billing.models import AccessOverride, OverrideEffect
from billing.modes import Mode
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission

PAGE = "billing:plans"
IN_LINE = "Saved. Every customer it concerns is up to date."
LATER = "Saved. The customers it concerns follow in the background."
F = TypeVar("F", bound=forms.Form)


@needs(Permission.SEE)
@require_safe
@never_cache
def show_plans(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The whole page; those who may configure find the ways to change it."""
    now = timezone.now()
    shown = reading.plans(request.workspace.pk, mode, _today(request, now), now)
    return render(request, "billing/plans.html", {"plans": shown})


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tier(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Edit the tier of `?key=`, or add one where there is none of that key."""
    with transaction.atomic():
        tiers = tiers_of(request.workspace.pk)
    known = tiers.get(request.GET.get("key", ""))

    def proposal(form: TierForm) -> Proposal:
        given = form.cleaned_data
        return EditTier(
            key=known.key if known else given["key"],
            name=given["name"],
            rank=given["rank"],
            features=given["features"],
            seat_limit=given["seat_limit"],
            seats_by_quantity=given["seats_by_quantity"],
        )

    def form_of(data: Any) -> TierForm:
        return TierForm(known, list(tiers), data)

    title = f"Tier {known.name}" if known else "New tier"
    return _change(request, mode, title, form_of, proposal, {"tier_key": known.key if known else ""})


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete_tier(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """What deleting the tier of `?key=` does, or what names it and must go first; then the deletion."""
    now = timezone.now()
    with transaction.atomic():
        known = tiers_of(request.workspace.pk).get(request.GET.get("key", ""))
        if known is None:
            messages.error(request, "There is no such tier.")
            return redirect(PAGE, slug, mode)
        proposal = DeleteTier(known.key)
        uses = uses_of_tier(request.workspace.pk, known.key, now)
        shown = {} if uses else _effect(request, mode, proposal)
    context = {"title": f"Delete the tier {known.name}", "tier": known, "uses": uses, **shown}
    confirmed = not uses and request.POST.get("confirm") == _digest(proposal)
    if confirmed:
        try:
            _carry_out(request, proposal)
            return redirect(PAGE, slug, mode)
        except TierInUseError as error:  # named by somebody else meanwhile
            context["uses"] = uses = error.uses
    status = 409 if uses and request.method == "POST" else 200
    return render(request, "billing/tier_delete.html", context, status=status)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def price(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Say which tier the price of `?price=` gives: for it alone, or for all with its lookup key or metadata."""
    named = request.GET.get("price", "").replace("\x00", "")
    with transaction.atomic():
        tiers = tiers_of(request.workspace.pk)
        found = reading.price_rows(request.workspace.pk, mode, _today(request, timezone.now()), tiers, only=named)
    if not found:
        messages.error(request, "There is no such price in this mode.")
        return redirect(PAGE, slug, mode)
    row = found[0]
    by = [(PRICE, f"This price alone ({row.price})")]
    values = {PRICE: row.price}
    if row.terms.lookup_key:
        by.append((LOOKUP_KEY, f"Every price with the lookup key “{row.terms.lookup_key}”"))
        values[LOOKUP_KEY] = row.terms.lookup_key
    if row.terms.product_tier:
        by.append((PRODUCT_TIER, f"Every product with “tier: {row.terms.product_tier}” in its metadata"))
        values[PRODUCT_TIER] = row.terms.product_tier
    initial = {
        "kind": row.given.by or PRICE,
        "tier": (row.given.tier or ADD_ON) if row.given.mapped else next(iter(tiers), ADD_ON),
    }

    def proposal(form: MappingForm) -> Proposal:
        kind, given = str(form.kind_given), form.cleaned_data["tier"]
        chosen = None if given in (ADD_ON, UNMAPPED) else given
        return MapPrice(mode, kind, values[kind], chosen, remove=given == UNMAPPED)

    def form_of(data: Any) -> MappingForm:
        return MappingForm(by, reading.tier_choices(tiers.values()), initial, data)

    return _change(request, mode, f"Price {row.name}", form_of, proposal, {"price": row})


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def policy(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Say what becomes of those who do not pay."""
    with transaction.atomic():
        tiers = tiers_of(request.workspace.pk)
        free_tier, days = reading.policy_of(request.workspace.pk)
    initial = {"free_tier": free_tier or "", "past_due_days": days}

    def proposal(form: PolicyForm) -> Proposal:
        return SetPolicy(form.cleaned_data["free_tier"] or None, form.cleaned_data["past_due_days"])

    def form_of(data: Any) -> PolicyForm:
        return PolicyForm(reading.tier_choices(tiers.values()), initial, data)

    return _change(request, mode, "Who does not pay", form_of, proposal)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def override(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """Give a customer access by decision of a person."""
    with transaction.atomic():
        tiers = tiers_of(request.workspace.pk)

    def proposal(form: OverrideForm) -> Proposal:
        given = form.cleaned_data
        return Grant(
            mode=mode,
            customer=given["customer"],
            effect=OverrideEffect(given["effect"]),
            tier=given["tier"] or None,
            features=given["features"],
            seats=given["seats"],
            reason=given["reason"],
            expires_at=form.expires_at,
        )

    def form_of(data: Any) -> OverrideForm:
        return OverrideForm(request.workspace, mode, reading.tier_choices(tiers.values()), timezone.now(), data)

    return _change(request, mode, "New override", form_of, proposal)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def revoke(request: Any, slug: str, mode: Mode, pk: int) -> HttpResponse:
    """End an override now."""
    with transaction.atomic():
        found = get_object_or_404(AccessOverride, pk=pk, workspace=request.workspace, mode=mode)
    _carry_out(request, Revoke(mode, found.customer))
    return redirect(PAGE, slug, mode)


def _change(
    request: Any,
    mode: Mode,
    title: str,
    form_of: Callable[[Any], F],
    proposal_of: Callable[[F], Proposal],
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    """A form; then the effect of what was typed, to be confirmed; then the change.

    What is confirmed is what was shown: the button carries a digest of the proposal, and another one is shown again.
    """
    context: dict[str, Any] = {"title": title, **(more or {})}
    if request.method != "POST":
        return render(request, "billing/plan_change.html", {**context, "form": form_of(None)})
    with transaction.atomic():
        form = form_of(request.POST)
        if not form.is_valid():
            return render(request, "billing/plan_change.html", {**context, "form": form}, status=422)
        proposal = proposal_of(form)
        confirmed = request.POST.get("confirm") == _digest(proposal)
        if not confirmed:
            context |= _effect(request, mode, proposal)
    if not confirmed:
        return render(request, "billing/plan_change.html", {**context, "form": form})
    _carry_out(request, proposal)
    return redirect(PAGE, request.workspace.slug, mode)


def _digest(proposal: Proposal) -> str:
    return hashlib.blake2b(repr(proposal).encode(), digest_size=12).hexdigest()


def _effect(request: Any, mode: Mode, proposal: Proposal) -> dict[str, Any]:
    """What a proposal would do, for `billing/_plan_effect.html`. In a scoped transaction."""
    effect = effect_of(request.workspace.pk, mode, proposal, timezone.now())
    return {
        "effect": effect,
        "moves": _moves(request, effect, proposal),
        "confirm": _digest(proposal),
        "both_modes": len(proposal.modes) > 1,
    }


def _carry_out(request: Any, proposal: Proposal) -> None:
    at_once = carry_out(request.workspace.pk, proposal, request.user.email, timezone.now())
    messages.success(request, IN_LINE if at_once else LATER)


def _moves(request: Any, effect: Effect, proposal: Proposal) -> list[tuple[int, str, str]]:
    """How many customers go from what to what, by the names of tiers; equal ones: features or seats change."""
    names: dict[str | None, str] = {key: terms.name for key, terms in tiers_of(request.workspace.pk).items()}
    names[None] = "no access"
    if isinstance(proposal, EditTier):
        names[proposal.key] = proposal.name
    return [(m.customers, names.get(m.before, m.before or ""), names.get(m.after, m.after or "")) for m in effect.moves]


def _today(request: Any, now: datetime) -> Any:
    return now.astimezone(ZoneInfo(request.workspace.timezone)).date()
