"""Settings › Integrations › Channels: where messages go, whether they arrive, and what became of them.

Views that contact somebody do so between transactions, never in one.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.channels import notices, report, roster, trial
from integrations.channels.forms import FORMS, ChannelForm, ChatForm
from integrations.channels.transports import Sent
from integrations.channels.transports.telegram import CannotAsk, Chat, chats_of
from integrations.models import Channel, ChannelKind, ChannelState
from pqintel.vault import SealError
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.permissions import needs, public
from pqintel.workspaces.roles import Permission
from pqintel.workspaces.tenancy import scope

log = logging.getLogger(__name__)
MAIL_TROUBLE = "The mail server did not take the mail. Send the link again later."


@needs(Permission.SEE)
@never_cache
@require_safe
def page(request: MemberRequest, slug: str) -> HttpResponse:
    """All channels with their states, and the latest deliveries."""
    before = _before(request)
    lines, older = report.lines_of(request.workspace, before)
    context = {
        "channels": list(roster.channels_of(request.workspace).defer("secret")),
        "kinds": ChannelKind.choices,
        "deliveries": lines,
        "older": older,
        "first_page": before is None,
    }
    return render(request, "integrations/channels.html", context)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("url", "token")
def add(request: MemberRequest, slug: str, kind: str) -> HttpResponse:
    """Add a channel of a kind. An address is mailed its link; nobody else is contacted."""
    if kind not in FORMS:
        raise Http404("No such kind of channel.")
    form = FORMS[kind](request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _form(request, form)
    if not form.is_valid():
        return _form(request, form, status=422)
    try:
        channel = roster.add(request.workspace, form.wanted, by=request.user.email)
    except roster.CannotAdd as refusal:
        form.add_error(None, str(refusal))
        return _form(request, form, status=422)
    if channel.kind == ChannelKind.EMAIL:
        _mail_link(request, channel)
    else:
        messages.success(request, f"{channel.name} is added.")
    target = reverse("integrations:channel", args=[slug, channel.number])
    return HttpResponse(status=204, headers={"HX-Redirect": target}) if request.htmx else redirect(target)


@needs(Permission.SEE)
@never_cache
@require_safe
def channel(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """One channel: how it stands, what can be done about it, its deliveries."""
    return _channel_page(request, _channel(request, number))


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def test(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Send a test; the provider's own answer is what the page says next."""
    outcome = trial.try_out(_channel(request, number), by=request.user.email)
    if isinstance(outcome, Sent):
        messages.success(request, f"The test was sent. The answer: {outcome.answer}")
    else:
        messages.error(request, f"The test was not sent. {getattr(outcome, 'reason', 'The chat moved; try again.')}")
    return redirect("integrations:channel", slug, number)


@needs(Permission.CONFIGURE)
@require_POST
def remove(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Remove a channel. What it was sent stays in the list."""
    gone = _channel(request, number)
    roster.remove(gone)
    messages.success(request, f"{gone.name} is removed, and its credentials are wiped.")
    return redirect("integrations:channels", slug)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def link(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Mail the link that confirms an address once more."""
    _mail_link(request, _channel(request, number))
    return redirect("integrations:channel", slug, number)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_POST
def chats(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Ask Telegram where the bot was spoken to, to choose from."""
    asked = _channel(request, number)
    try:
        found = chats_of(asked.secret.reveal()) if _wants_chat(asked) else None
    except SealError:
        messages.error(request, "The stored credentials are unreadable: the key that sealed them is not available.")
        found = None
    except CannotAsk as trouble:
        messages.error(request, str(trouble))
        found = None
    if found is None:
        return redirect("integrations:channel", slug, number)
    with transaction.atomic():
        return _channel_page(request, asked, chats=found)


@needs(Permission.CONFIGURE)
@require_POST
def chat(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Say which chat a Telegram channel writes to."""
    asked, form = _channel(request, number), ChatForm(request.POST)
    if not _wants_chat(asked):
        return redirect("integrations:channel", slug, number)
    if form.is_valid():
        try:
            roster.choose_chat(asked, form.cleaned_data["chat"])
        except roster.CannotAdd as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{asked.name} has its chat. Send a test to see whether it arrives.")
            return redirect("integrations:channel", slug, number)
    return _channel_page(request, asked, form=form, status=422)


@public
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Behind the mailed link: a button (mail scanners open links), and after it was pressed, that it is done."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:  # the same answer as for a wrong link: it tells nobody which workspaces there are
        return render(request, "integrations/channel_confirm.html", {"channel": None}, status=404)
    with scope(workspace):
        found = roster.addressed(workspace, token)
        if found is None:
            return render(request, "integrations/channel_confirm.html", {"channel": None}, status=404)
        if request.method == "POST":
            roster.confirm(found)
    context = {
        "channel": found,
        "workspace": workspace,
        "confirmed": request.method == "POST" or found.state != ChannelState.UNCONFIRMED,
    }
    return render(request, "integrations/channel_confirm.html", context)


def _channel(request: MemberRequest, number: int) -> Channel:
    with transaction.atomic():
        rows = roster.channels_of(request.workspace).select_related("workspace")
        return get_object_or_404(rows, number=number)


def _wants_chat(asked: Channel) -> bool:
    return asked.kind == ChannelKind.TELEGRAM and asked.state == ChannelState.UNCONFIRMED


def _mail_link(request: MemberRequest, asked: Channel) -> None:
    if not roster.may_mail_link(asked):
        messages.error(request, "A link was mailed a moment ago, or five were already, or none is needed any more.")
        return
    try:
        notices.mail_link(asked)
    except OSError:
        log.exception("the link that confirms a channel's address could not be mailed")
        messages.error(request, MAIL_TROUBLE)
    else:
        messages.success(request, f"A link was mailed to {asked.target}. Messages go there once it was opened.")


def _form(request: MemberRequest, form: ChannelForm, status: int = 200) -> HttpResponse:
    whole = not request.htmx
    template = "integrations/channel_add.html" if whole else "integrations/_channel_form.html"
    context = {"form": form, "kind": form.kind.value, "kind_label": form.kind.label}
    return render(request, template, context, status=status)


def _channel_page(
    request: MemberRequest,
    shown: Channel,
    *,
    chats: list[Chat] | None = None,
    form: ChatForm | None = None,
    status: int = 200,
) -> HttpResponse:
    before = _before(request)
    lines, older = report.lines_of(request.workspace, before, shown)
    context: dict[str, Any] = {
        "channel": shown,
        "may_configure": request.membership.may(Permission.CONFIGURE),
        "wants_chat": _wants_chat(shown),
        "chats": chats,
        "chat_form": form or ChatForm(),
        "deliveries": lines,
        "older": older,
        "first_page": before is None,
    }
    return render(request, "integrations/channel.html", context, status=status)


def _before(request: HttpRequest) -> int | None:
    before = request.GET.get("before", "")
    return int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
