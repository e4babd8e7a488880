"""Settings › Billing › Letters: whether customers get letters, from whom, what they say, and what became of each.

Views that contact somebody do so between transactions, never in one.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.modes import Mode
from billing.names import customer_labels
from dunning.letters import compose, outbox, report, senders, texts, trial
from dunning.letters.forms import AnswerForm, SenderForm, TextForm
from dunning.letters.kinds import ALLOWED, LABELS, SWITCHED_BY_POLICY, meaning
from dunning.letters.question import question_of
from dunning.letters.samples import sample_of
from dunning.letters.texts import KnownText, Text
from dunning.models import LetterKind, LetterState
from integrations.channels.transports import Sent
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission

log = logging.getLogger(__name__)
PAGE: Final = "letters:page"
MAIL_TROUBLE: Final = "The mail server did not take the mail. Send the link again later."


@needs(Permission.SEE)
@never_cache
@require_safe
def page(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """The answer, the sender, the texts, and the letters, the newest first."""
    return _page(request, mode)


@needs(Permission.CONFIGURE)
@require_POST
def answer(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Say whether customers get letters; back to the page where that was asked."""
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, mode, answer_form=form, status=422)
    moved = outbox.answer(request.workspace.pk, mode, wanted=form.answer, by=request.user.email, now=timezone.now())
    if form.answer:
        held = f" {moved} that {'was' if moved == 1 else 'were'} held {'goes' if moved == 1 else 'go'} out now."
        messages.success(request, f"Customers get letters from now on.{held if moved else ''}")
    else:
        messages.success(request, "Customers get no letters. What had not gone out yet is skipped.")
    if request.POST.get("asked_at") == "connection":
        return redirect("integrations:stripe", slug)
    return redirect(PAGE, slug, mode)


@needs(Permission.SEE)
@never_cache
@require_safe
def letter(request: MemberRequest, slug: str, mode: Mode, pk: int) -> HttpResponse:
    """One letter: what became of it, and what was sent, or would be as things are now."""
    row = get_object_or_404(outbox.letters_of(request.workspace.pk, mode), pk=pk)
    names = customer_labels(request.workspace.pk, mode, [row.customer])
    mail = None
    if row.forgotten_at is None:
        mail = row.mail or compose.compose(row, row.to if trial.is_trial(row) else None).document()
    context = {
        "letter": row,
        "line": report.line_of(row, names.get(row.customer, row.customer)),
        "mail": mail,
        "paragraphs": str(mail["text"]).strip().split("\n\n") if mail else [],
        "was_sent": row.state == LetterState.SENT,
    }
    return render(request, "dunning/letters/letter.html", context)


# The sender ----------------------------------------------------------------------------------------------------------


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sender(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Say who letters are from. An address of the workspace's own is mailed a link."""
    with transaction.atomic():
        known = senders.sender_of(request.workspace.pk)
    form = SenderForm(known, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        with transaction.atomic():
            return render(request, "dunning/letters/sender.html", {"form": form}, status=422 if form.is_bound else 200)
    changed = senders.change(request.workspace.pk, **form.cleaned_data, by=request.user.email, now=timezone.now())
    if changed.address and changed.verified_at is None:
        _mail_link(request)
    else:
        messages.success(request, "The sender is saved.")
    return redirect(PAGE, slug, mode)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@require_POST
def sender_link(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """Mail the link that verifies the sender's address once more."""
    _mail_link(request)
    return redirect(PAGE, slug, mode)


def _mail_link(request: MemberRequest) -> None:
    if not senders.may_mail_link(request.workspace.pk, timezone.now()):
        messages.error(request, "A link was mailed a moment ago, or too many were today, or none is needed any more.")
        return
    with transaction.atomic():
        row = senders.sender_of(request.workspace.pk)
    try:
        senders.mail_link(request.workspace, row)
    except OSError:
        log.exception("the link that verifies a sender's address could not be mailed")
        messages.error(request, MAIL_TROUBLE)
    else:
        messages.success(request, f"A link was mailed to {row.address}. Letters come from there once it was opened.")


# Texts ---------------------------------------------------------------------------------------------------------------


@needs(Permission.SEE, change=Permission.CONFIGURE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def text(request: MemberRequest, slug: str, mode: Mode, letter_kind: str) -> HttpResponse:
    """A kind's text beside what comes of it. Letters that are decided already stay as they are."""
    known = _known(request, mode, letter_kind)
    form = TextForm(known, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _text(request, mode, known, form)
    if not form.is_valid():
        return _text(request, mode, known, form, status=422)
    texts.save(
        request.workspace.pk,
        mode,
        known.kind,
        form.text,
        enabled=form.cleaned_data.get("enabled", True),
        by=request.user.email,
        now=timezone.now(),
    )
    messages.success(request, "The text is saved. Letters that are decided already, and cases that run, keep theirs.")
    return redirect("letters:text", slug, mode, letter_kind)


@needs(Permission.CONFIGURE)
@never_cache
@require_POST
def preview(request: MemberRequest, slug: str, mode: Mode, letter_kind: str) -> HttpResponse:
    """What comes of a text that is being typed. Keeps nothing."""
    known = _known(request, mode, letter_kind)
    form = TextForm(known, request.POST)
    status = 200 if form.is_valid() else 422
    if not request.htmx:
        return _text(request, mode, known, form, status=status)
    return render(request, "dunning/letters/_preview.html", _shown(request, mode, known, form), status=status)


@needs(Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_POST
def send_trial(request: MemberRequest, slug: str, mode: Mode, letter_kind: str) -> HttpResponse:
    """Mail what is being typed to whoever types it. Keeps nothing of the text but in the letter."""
    with transaction.atomic():
        known = _known(request, mode, letter_kind)
    form = TextForm(known, request.POST)
    status = 422
    if form.is_valid():
        to, status = request.user.email, 200
        outcome = trial.try_out(request.workspace.pk, mode, known.kind, form.text, to, timezone.now())
        if isinstance(outcome, Sent):
            messages.success(request, f"A trial was sent to {to}. What is typed here is not saved yet.")
        else:
            messages.error(request, f"The trial was not sent. {getattr(outcome, 'reason', '')}")
    with transaction.atomic():
        return _text(request, mode, known, form, status=status)


@needs(Permission.CONFIGURE)
@require_POST
def reset(request: MemberRequest, slug: str, mode: Mode, letter_kind: str) -> HttpResponse:
    """Take our text again."""
    known = _known(request, mode, letter_kind)
    texts.reset(request.workspace.pk, mode, known.kind)
    messages.success(request, f"“{LABELS[known.kind]}” has our text again.")
    return redirect("letters:text", slug, mode, letter_kind)


def _known(request: MemberRequest, mode: Mode, letter_kind: str) -> KnownText:
    if letter_kind not in LetterKind.values:
        raise Http404("No such letter.")
    kind = LetterKind(letter_kind)
    return texts.known_texts(request.workspace.pk, mode, [kind])[kind]


def _text(request: MemberRequest, mode: Mode, known: KnownText, form: TextForm, status: int = 200) -> HttpResponse:
    return render(request, "dunning/letters/text.html", _shown(request, mode, known, form), status=status)


def _shown(request: MemberRequest, mode: Mode, known: KnownText, form: TextForm) -> dict[str, Any]:
    """The form, and what comes of its text; of one that cannot be used, nothing."""
    typed: Text | None = known.text
    if form.is_bound:
        typed = form.text if form.is_valid() else None
    context: dict[str, Any] = {
        "form": form,
        "known": known,
        "kind": known.kind.value,
        "title": LABELS[known.kind],
        "placeholders": [(f"${name}", meaning(known.kind, name)) for name in ALLOWED[known.kind]],
        "by_policy": known.kind in SWITCHED_BY_POLICY,
        "preview": None,
    }
    if typed is not None:
        sample = sample_of(request.workspace.pk, mode, known.kind, typed, timezone.now())
        context |= {"preview": compose.compose(sample.letter), "source": sample.source}
    return context


def _page(request: MemberRequest, mode: Mode, answer_form: AnswerForm | None = None, status: int = 200) -> HttpResponse:
    before = _before(request)
    workspace_id = request.workspace.pk
    lines, older = report.lines_of(workspace_id, mode, before)
    context = {
        "question": question_of(workspace_id, mode, answer_form),
        "identity": compose.identity_of(workspace_id),
        "sender": senders.sender_of(workspace_id),
        "texts": list(texts.known_texts(workspace_id, mode).values()),
        "lines": lines,
        "older": older,
        "first_page": before is None,
    }
    return render(request, "dunning/letters/page.html", context, status=status)


def _before(request: HttpRequest) -> int | None:
    before = request.GET.get("before", "")
    return int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
