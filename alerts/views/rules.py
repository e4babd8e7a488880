"""Settings › Billing › Alerts: the rules, how they stand, what they found, and what can be done about them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import page, roster
from alerts.forms import RuleForm, SilenceForm, form_of
from alerts.machine import Settings
from alerts.models import Rule, RuleKind
from alerts.preview import Preview, preview
from alerts.rules import KINDS
from billing.modes import Mode
from billing.quiet import quiet_hours
from integrations.channels.roster import channels_of
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@never_cache
@require_safe
def rules(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """All rules of a mode, and the newest findings."""
    before = _number(request.GET.get("before", ""))
    shown = page.alerts_page(request.workspace, mode, timezone.now(), before)
    return render(request, "alerts/rules.html", {"alerts": shown, "first_page": before is None})


@needs(Permission.SEE)
@never_cache
@require_safe
def rule(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """One rule: how it stands, what can be done about it, what it found."""
    return _rule_page(request, mode, _rule(request, mode, number), SilenceForm())


@needs(Permission.CONFIGURE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: MemberRequest, slug: str, mode: Mode, kind: str) -> HttpResponse:
    """Add a rule of a kind; with `preview` say what it would have said, and add nothing."""
    if kind not in KINDS:
        raise Http404("No such kind of rule.")
    channels = list(channels_of(request.workspace).defer("secret"))
    form = form_of(RuleKind(kind), channels, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _form(request, form)
    if not form.is_valid_in(request.workspace.pk, mode):
        return _form(request, form, status=422)
    if "preview" in request.POST:
        return _form(request, form, foreseen=_foreseen(request, mode, form))
    try:
        made = roster.add(request.workspace.pk, mode, form.kind, form.wanted, by=request.user.email, now=timezone.now())
    except roster.CannotAdd as refusal:
        form.speaking.add_error(None, str(refusal))
        return _form(request, form, status=422)
    messages.success(request, f"{made.name} is added. It is judged from now on.")
    return _to_rule(request, slug, mode, made)


@needs(Permission.CONFIGURE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """Change a rule; with `preview` say what it would have said, and change nothing."""
    found = _rule(request, mode, number)
    channels = list(channels_of(request.workspace).defer("secret"))
    data = request.POST if request.method == "POST" else None
    form = form_of(RuleKind(found.kind), channels, data, found, page.chosen_keys(found))
    if request.method != "POST":
        return _form(request, form, found)
    if not form.is_valid_in(request.workspace.pk, mode):
        return _form(request, form, found, status=422)
    if "preview" in request.POST:
        return _form(request, form, found, foreseen=_foreseen(request, mode, form))
    roster.change(found, form.wanted, by=request.user.email, now=timezone.now())
    messages.success(request, "The rule is saved.")
    return _to_rule(request, slug, mode, found)


@needs(Permission.WORK)
@require_POST
def silence(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """Say nothing for some hours, or with `end` say things again."""
    found, now = _rule(request, mode, number), timezone.now()
    if "end" in request.POST:
        roster.silence(found, None, by=request.user.email, now=now)
        messages.success(request, "The silence is over.")
        return redirect("alerts:rule", slug, mode, number)
    form = SilenceForm(request.POST)
    if not form.is_valid():
        return _rule_page(request, mode, found, form, status=422)
    roster.silence(found, now + form.time, by=request.user.email, now=now)
    messages.success(request, "Silenced. What it finds meanwhile is written down; what still holds then is told.")
    return redirect("alerts:rule", slug, mode, number)


@needs(Permission.CONFIGURE)
@require_POST
def enable(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """Turn a rule on (`on` is there) or off."""
    found, on = _rule(request, mode, number), "on" in request.POST
    roster.enable(found, on, by=request.user.email, now=timezone.now())
    messages.success(request, f"{found.name} is on. It is judged from now on." if on else f"{found.name} is off.")
    return redirect("alerts:rule", slug, mode, number)


@needs(Permission.CONFIGURE)
@require_POST
def mute(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """Send nothing of a rule (`on` is there), or send things again."""
    found, on = _rule(request, mode, number), "on" in request.POST
    roster.mute(found, on, by=request.user.email, now=timezone.now())
    messages.success(request, "Muted: what it finds is written down, and nothing is sent." if on else "Heard again.")
    return redirect("alerts:rule", slug, mode, number)


@needs(Permission.CONFIGURE)
@require_POST
def remove(request: MemberRequest, slug: str, mode: Mode, number: int) -> HttpResponse:
    """Remove a rule. What it found stays in the list."""
    found = _rule(request, mode, number)
    roster.remove(found, by=request.user.email, now=timezone.now())
    messages.success(request, f"{found.name} is removed.")
    return redirect("alerts:rules", slug, mode)


def _rule(request: MemberRequest, mode: Mode, number: int) -> Rule:
    return get_object_or_404(Rule, workspace=request.workspace, mode=mode, number=number, removed_at=None)


def _rule_page(
    request: MemberRequest, mode: Mode, found: Rule, silence_form: SilenceForm, status: int = 200
) -> HttpResponse:
    before = _number(request.GET.get("before", ""))
    findings, older = page.finding_lines(request.workspace, mode, before, found)
    context = {
        "line": page.rule_line(request.workspace, mode, found, timezone.now()),
        "silence_form": silence_form,
        "findings": findings,
        "older": older,
        "first_page": before is None,
    }
    return render(request, "alerts/rule.html", context, status=status)


def _form(
    request: MemberRequest,
    form: RuleForm,
    found: Rule | None = None,
    status: int = 200,
    foreseen: Preview | None = None,
) -> HttpResponse:
    template = "alerts/_rule_form.html" if request.htmx else "alerts/rule_form.html"
    context = {
        "form": form,
        "rule": found,
        "kind": form.kind,
        "about": KINDS[form.kind].about,
        "preview": foreseen,
    }
    return render(request, template, context, status=status)


def _foreseen(request: MemberRequest, mode: Mode, form: RuleForm) -> Preview:
    """What the rule of a valid form would have said."""
    wanted, zone = form.wanted, ZoneInfo(request.workspace.timezone)
    quiet = quiet_hours(wanted.quiet_from, wanted.quiet_until, zone)
    settings = Settings(timedelta(seconds=wanted.cooldown_seconds), wanted.hysteresis, quiet)
    return preview(request.workspace.pk, mode, form.kind, wanted.params, settings, timezone.now())


def _to_rule(request: MemberRequest, slug: str, mode: Mode, found: Rule) -> HttpResponse:
    target = reverse("alerts:rule", args=[slug, mode, found.number])
    return HttpResponse(status=204, headers={"HX-Redirect": target}) if request.htmx else redirect(target)


def _number(text: str) -> int | None:
    """A row's number in an address; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
