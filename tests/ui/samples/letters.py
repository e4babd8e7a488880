"""Letters to customers: the question, the sender, texts, what became of each, and pages behind links in mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from dunning.letters.compose import Mail
from dunning.letters.forms import AnswerForm, SenderForm, TextForm
from dunning.letters.kinds import ALLOWED, LABELS, meaning
from dunning.letters.samples import MADE_UP, PAGE
from dunning.letters.texts import DEFAULTS, KnownText
from dunning.letters.wording import fill
from dunning.models import LetterKind, Sender

from .shell import NOW, USER, WORKSPACE, Page, nav

SENDER = "Northwind Analytics <no-reply@pq.example.com>"
REMINDER = KnownText(LetterKind.REMINDER_1, DEFAULTS[LetterKind.REMINDER_1], enabled=True, own=True)
FACTS = MADE_UP | {"workspace_name": WORKSPACE.name, "date": "March 1, 2026", "next_attempt": "March 4, 2026"}


def question(wanted: bool | None = True, held: int = 0, mode: str = "live") -> dict[str, Any]:
    return {
        "mode": mode,
        "wanted": wanted,
        "answered_by": USER.email,
        "answered_at": NOW - timedelta(days=2),
        "held": held,
        "form": AnswerForm(auto_id=f"{mode}_%s"),
    }


def line(kind: str, state: str, tone: str, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "pk": 17,
        "kind": kind,
        "customer": "cus_1",
        "name": "Ada Lovelace & Daughters, Limited",
        "to": "ada@example.com",
        "state": state,
        "tone": tone,
        "detail": detail,
        "tries": 1,
        "created_at": NOW - timedelta(hours=3),
        "at": NOW - timedelta(hours=2),
        "next_attempt_at": None,
        "possible_duplicate": False,
        **more,
    }


SENT = line("First reminder", "Sent", "good", "Accepted by the mail server.", possible_duplicate=True)
LINES = [
    line("Welcome", "Waiting", "", "", tries=0, at=None, next_attempt_at=NOW + timedelta(minutes=4)),
    line("Payment failed", "Waiting", "", "The mail server hung up.", tries=2, at=None, next_attempt_at=NOW),
    SENT,
    line("Second reminder", "Failed", "bad", "The mail server: 550 No such mailbox"),
    line("Final warning", "Held", "warn", "Letters to customers were not answered yet", at=None),
    line("Subscription ended", "Skipped", "", "The customer unsubscribed"),
    line("First reminder", "Sent", "good", "Accepted by the mail server.", customer="", name="", to=USER.email),
]
TEXTS = [
    KnownText(kind, DEFAULTS[kind], enabled=kind is not LetterKind.GOODBYE, own=kind is LetterKind.WELCOME)
    for kind in LetterKind
]


def page(template: str, mode: str = "live", *, may_all: bool = True, **context: Any) -> Page:
    base = {"nav": nav(mode, "letters", may_all=may_all), "user": USER}
    return Page(f"dunning/letters/{template}.html", {**base, **context})


def overview(mode: str = "live", *, may_all: bool = True, **context: Any) -> Page:
    base = {
        "question": question(mode=mode),
        "identity": {"name": WORKSPACE.name, "address": "no-reply@pq.example.com", "reply_to": ""},
        "sender": Sender(),
        "texts": TEXTS,
        "lines": [],
        "older": None,
        "first_page": True,
    }
    return page("page", mode, may_all=may_all, **{**base, **context})


def text(form: TextForm, *, usable: bool = True, may_all: bool = True) -> Page:
    wording = fill(REMINDER.text["subject"], REMINDER.text["body"], FACTS, PAGE)
    preview = Mail(SENDER, "", ("ada@example.com",), wording.subject, "", wording, "")
    context = {
        "form": form,
        "known": REMINDER,
        "kind": REMINDER.kind.value,
        "title": LABELS[REMINDER.kind],
        "placeholders": [(f"${name}", meaning(REMINDER.kind, name)) for name in ALLOWED[REMINDER.kind]],
        "preview": preview if usable else None,
        "source": "With the facts of Ada Lovelace & Daughters, Limited, the newest case there is.",
    }
    return page("text", may_all=may_all, **context)


def letter(shown: dict[str, Any], *, was_sent: bool, heading: str = "") -> Page:
    wording = fill(REMINDER.text["subject"], REMINDER.text["body"], FACTS, PAGE)
    mail = {
        "from": SENDER,
        "reply_to": "help@northwind.example",
        "to": ["ada@example.com"],
        "subject": wording.subject,
        "heading": heading,
    }
    about = {"letter": {"invoices": ["in_1"]}, "line": shown, "mail": mail, "was_sent": was_sent}
    return page("letter", **about, paragraphs=wording.text.strip().split("\n\n"))


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    unverified = Sender(name="Northwind", address="billing@northwind.example")
    wrong_sender = SenderForm(unverified, {"name": "Northwind <b>", "address": "billing", "reply_to": ""})
    wrong_text = TextForm(REMINDER, {"subject": "Pay $nonsense", "body": "It costs $5."})
    yield "letters-none", overview(question=question(None, held=3))
    yield "letters", overview(lines=LINES, older=17, sender=unverified)
    yield "letters-test", overview("test", question=question(None, mode="test"), lines=LINES[:3])
    yield "letters-viewer", overview(may_all=False, question=question(None), lines=LINES)
    yield "letters-older", overview(lines=LINES, first_page=False)
    yield "letter-text", text(TextForm(REMINDER))
    yield "letter-text-wrong", text(wrong_text, usable=False)
    yield "letter-text-viewer", text(TextForm(REMINDER), may_all=False)
    yield "letter-sender", page("sender", form=SenderForm(unverified))
    yield "letter-sender-wrong", page("sender", form=wrong_sender)
    yield "letter-sent", letter(SENT, was_sent=True, heading="Test mode: it would have gone to ada@example.com.")
    yield "letter-waiting", letter(LINES[0], was_sent=False)
    for name, words in {
        "ready": {"sender": unverified, "confirmed": False},
        "done": {"sender": unverified, "confirmed": True},
        "wrong": {"sender": None},
    }.items():
        context = {"workspace": SimpleNamespace(name="Nuts & <Bolts>"), **words}
        yield f"letter-sender-confirm-{name}", Page("dunning/letters/sender_confirm.html", context)
    about = {"address": "ada@example.com", "name": "Nuts & <Bolts>"}
    yield "unsubscribe", Page("dunning/letters/unsubscribe.html", {**about, "done": False})
    yield "unsubscribe-done", Page("dunning/letters/unsubscribe.html", {**about, "done": True})
    yield "unsubscribe-copy", Page("dunning/letters/unsubscribe.html", {**about, "address": "", "done": False})
    yield "unsubscribe-wrong", Page("dunning/letters/unsubscribe.html", {"wrong": True})
