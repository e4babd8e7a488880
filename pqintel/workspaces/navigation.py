"""What every page's shell shows: docs/design.md, Context."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import now

from .http import MODES, ModeName, mode_named
from .models import Membership, Workspace
from .plans import allowance
from .recent import recent_mode
from .roles import Permission
from .tenancy import scoped_transaction

SECTIONS = {
    "billing:customers": "customers",
    "billing:customer": "customers",
    "billing:subscriptions": "subscriptions",
    "billing:subscription": "subscriptions",
    "billing:invoices": "invoices",
    "billing:invoice": "invoices",
    "billing:payments": "payments",
    "billing:payment": "payments",
    "billing:history": "history",
    "workspaces:settings": "settings",
    "workspaces:delete": "settings",
    "workspaces:members": "members",
    "workspaces:invite": "members",
    "workspaces:member_role": "members",
    "workspaces:member_remove": "members",
    "billing_settings:numbers": "numbers",
    "billing:plans": "plans",
    "billing:plan_tier": "plans",
    "billing:plan_tier_delete": "plans",
    "billing:plan_price": "plans",
    "billing:plan_policy": "plans",
    "billing:plan_override": "plans",
    "dunning:cases": "cases",
    "dunning:case": "cases",
    "dunning:case_resolve": "cases",
    "dunning:case_exclude": "cases",
    "dunning:recovery": "cases",
    "dunning:policy": "dunning",
    "dunning:exclusion_add": "dunning",
    "integrations:diagnostics": "diagnostics",
    "integrations:channels": "channels",
    "integrations:channel_add": "channels",
    "integrations:channel": "channels",
    "integrations:channel_chats": "channels",
    "integrations:channel_chat": "channels",
    "integrations:drift": "diagnostics",
}
NAMESPACES = {
    "billing": "dashboard",
    "integrations": "integrations",
    "letters": "letters",
    "digest": "digest",
    "alerts": "alerts",
}
# Pages of one object, which exists in one mode only: in the other one, the list that it would be in.
LISTS = {
    "billing:customer": "billing:customers",
    "billing:subscription": "billing:subscriptions",
    "billing:invoice": "billing:invoices",
    "billing:payment": "billing:payments",
    "dunning:case": "dunning:cases",
    "dunning:case_resolve": "dunning:cases",
    "dunning:case_exclude": "dunning:cases",
    "dunning:exclusion_add": "dunning:policy",
    "alerts:rule": "alerts:rules",
    "alerts:edit": "alerts:rules",
    "letters:letter": "letters:page",
    "letters:answer": "letters:page",
    "letters:preview": "letters:page",
    "letters:trial": "letters:page",
}
ACCOUNT_PAGES = ("account_", "mfa_")
TRIAL_NOTICE = timedelta(days=5)
"""How long before its end the trial is mentioned on every page."""

_live_is_connected: Callable[[], bool] = lambda: False  # noqa: E731 (a default, until somebody who knows is asked)


def ask_for_live(question: Callable[[], bool]) -> None:
    """Say who knows whether the workspace of the scope has connected its live account (integrations does)."""
    global _live_is_connected
    _live_is_connected = question


def link_mode(request: HttpRequest, workspace: Workspace) -> ModeName:
    """Where links to pages with a mode lead: the mode last looked at, else live once it is connected, else test."""
    if known := recent_mode(request.session, workspace):
        return known
    with scoped_transaction(workspace):
        return "live" if _live_is_connected() else "test"


class Navigation:
    """`nav` of one request. Looks up what a template asks for, and nothing else, so that partials cost nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.workspace: Workspace | None = getattr(request, "workspace", None)
        self.membership: Membership | None = getattr(request, "membership", None)
        self.mode: ModeName | None = mode_named(getattr(request, "mode", None) or "")

    @property
    def _view(self) -> str:
        match = self._request.resolver_match
        return match.view_name if match else ""

    @cached_property
    def link_mode(self) -> ModeName | None:
        if self.mode or not self.workspace:
            return self.mode
        return link_mode(self._request, self.workspace)

    @cached_property
    def workspaces(self) -> list[Workspace]:
        user = getattr(self._request, "user", None)
        if user is None or not user.is_authenticated:
            return []
        return list(Workspace.objects.filter(memberships__user=user))

    @cached_property
    def may(self) -> dict[str, bool]:
        return {str(p): self.membership is not None and self.membership.may(p) for p in Permission}

    @property
    def section(self) -> str:
        if self._view.startswith(ACCOUNT_PAGES):
            return "account" if self._request.user.is_authenticated else ""
        return SECTIONS.get(self._view) or NAMESPACES.get(self._view.partition(":")[0], "")

    @property
    def other_mode_url(self) -> str | None:
        match = self._request.resolver_match
        if not self.mode or not match:
            return None
        (other,) = (mode for mode in MODES if mode != self.mode)
        if of_all := LISTS.get(match.view_name):
            return reverse(of_all, kwargs={"slug": match.kwargs["slug"], "mode": other})
        return reverse(match.view_name, kwargs={**match.kwargs, "mode": other})

    @cached_property
    def notice(self) -> dict[str, str] | None:
        return plan_notice(self.workspace, now()) if self.workspace else None


def plan_notice(workspace: Workspace, at: datetime) -> dict[str, str] | None:
    """The line above every page about a trial that ends soon or has ended; None if there is nothing to say."""
    plan = allowance(workspace, at)
    if plan.open or (plan.trial_ends_at and plan.trial_ends_at - at > TRIAL_NOTICE):
        return None
    if plan.trial_ends_at:
        days = (plan.trial_ends_at - at).days
        when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
        text = f"The trial of Growth ends {when}. Everything stays, but Stripe’s events wait until you choose a plan."
    elif not plan.stripe_integration:
        text = f"The trial is over and this workspace is on {plan.name}. Your data is kept; Stripe’s events wait."
    else:
        return None
    return {"text": text, "url": reverse("workspaces:settings", args=[workspace.slug]), "link_label": "See the plan"}


def nav(request: HttpRequest) -> dict[str, Any]:
    """The context processor behind `nav`."""
    return {"nav": Navigation(request)}
