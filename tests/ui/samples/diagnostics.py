"""Diagnostics of a connection: all well, trouble everywhere, and nothing known yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms

from .connection import check
from .shell import NOW, USER, Page, nav

WORDS = "Invoice in_1PqXw2LkdIwHu7ixa8Hx2Kbc: the field “amount_remaining” is not a whole number."


class Reason(forms.Form):
    """The reason of a dismissal; the chosen events beside it."""

    reason = forms.CharField(
        label="Reason, to dismiss", help_text="History keeps it.", widget=forms.Textarea(attrs={"rows": 2})
    )
    chosen = ("evt_1PqXw2LkdIwHu7ixb2Vh8Mno",)


def finding(text: str, remedy: str = "") -> dict[str, str]:
    return {"text": text, "remedy": remedy}


def question(name: str, title: str, tone: str, *findings: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "title": title, "verdict": {"tone": tone, "line": findings[0], "also": findings[1:]}}


def counted(name: str, state: str, result: str, *counts: int) -> dict[str, Any]:
    day, week, month = counts
    last_at = NOW - timedelta(minutes=day)
    return {
        "name": name,
        "state": state,
        "result": result,
        "day": day,
        "week": week,
        "month": month,
        "last_at": last_at,
    }


def event(number: int, kind: str | None) -> dict[str, Any]:
    return {
        "event_id": f"evt_1PqXw2LkdIwHu7ixb2Vh8Mn{number}",
        "event_type": kind,
        "reason": WORDS,
        "happened_at": NOW - timedelta(hours=number) if kind else None,
        "received_at": NOW - timedelta(hours=number),
    }


NOTHING: dict[str, Any] = {"status": "new", "checks": {}, "pending": 0, "quarantined": 0, "quarantine": []}
WELL: dict[str, Any] = {
    **NOTHING,
    "status": "connected",
    "connected_at": NOW - timedelta(days=40),
    "account_id": "acct_1PqXw2LkdIwHu7ix",
    "last_delivery_at": NOW - timedelta(seconds=20),
    "lag": {"count": 1840, "half_told": "0.4 s", "most_told": "0.7 s"},
    "checks": {
        name: check(name, "ok", "Everything that is needed.") for name in ("Key accepted by Stripe", "Endpoint")
    },
    "checked_at": NOW - timedelta(minutes=2),
    "deliveries": [
        counted("customer.subscription.updated", "done", "Processed", 412, 2_890, 11_604),
        counted("invoice.paid", "done", "Processed", 120, 844, 3_402),
        counted("radar.early_fraud_warning.created", "ignored", "Not used", 2, 9, 31),
    ],
    "versions": [counted("2026-03-25.dahlia", "", "", 534, 3743, 15037)],
    "changes": [
        {
            "get_kind_display": "Credentials in use",
            "fields": ["x"],
            "labels": ["secret key"],
            "by": USER.email,
            "at": NOW,
        }
    ],
}
TROUBLE: dict[str, Any] = {
    **WELL,
    "pending": 1204,
    "oldest_pending_at": NOW - timedelta(minutes=9),
    "held": 3,
    "quarantined": 130,
    "quarantine": [event(1, "invoice.updated"), event(2, None), event(3, "customer.subscription.updated")],
    "quarantine_reasons": [(WORDS, 129), ("The body is not JSON.", 1)],
    "deliveries": [*WELL["deliveries"], counted("", "quarantined", "Set aside", 1, 1, 1)],
    "rejected": [{"reason": "It is a live-mode event, but this is the test URL.", "count": 12, "last_at": NOW}],
    "refused": [counted("The signature does not match the signing secret stored here", "mismatch", "", 14, 14, 20)],
    "refused_hours": [(NOW - timedelta(hours=n), n % 5) for n in range(24)],
    "refused_bars": [(4 * n, 24 - 6 * (n % 5), 6 * (n % 5)) for n in range(24)],
    "refused_in_a_day": 14,
    "doubts": [{"kind": "invoice", "count": 2, "examples": ["in_1PqXw2LkdIwHu7ixa8Hx2Kbc"]}],
    "reads": [{"what": "invoice", "count": 2, "failing": 2, "failure": "No connection to Stripe.", "due_at": NOW}],
    "checks": {"a": check("Webhook endpoint at Stripe", "failed", "It is disabled.", "Enable it at Stripe.")},
}
GOOD = (
    question("events", "Events do not appear", "ok", finding("Events arrive: 534 deliveries in 24 hours.")),
    question(
        "invoices", "Invoices are missing or different", "unknown", finding("Not compared yet.", "It runs every night.")
    ),
    question("messages", "Alerts are not sent", "ok", finding("31 messages sent in 7 days. None failed.")),
    question("signatures", "Signatures fail", "ok", finding("Stripe’s deliveries verify.")),
)
BAD = (
    question(
        "events",
        "Events do not appear",
        "look",
        finding("1,204 events are waiting for a worker, the oldest for 9 min.", "Start workers."),
        finding("The endpoint is registered, but disabled.", "Enable it."),
    ),
    question(
        "invoices", "Invoices are missing or different", "look", finding("129 events are set aside.", "Replay them.")
    ),
    question(
        "messages",
        "Alerts are not sent",
        "look",
        finding("Billing is broken since 3 h ago: channel_is_archived. 2 messages are held for it.", "Open it."),
    ),
    question(
        "signatures", "Signatures fail", "look", finding("14 deliveries signed with another secret.", "Copy it again.")
    ),
)


def sender(name: str, state: str, number: int, **counts: int) -> dict[str, Any]:
    none = {"sent": 0, "waiting": 0, "held": 0, "failed": 0}
    return {**none, "name": name, "number": number, "kind": "Slack webhook", "state": state, **counts}


SENDERS = (
    sender("Billing", "broken", 1, sent=1_204, held=2, failed=1),
    sender("A channel with a rather long name for its column", "ok", 2, sent=31, waiting=4),
    sender("ada@northwind.example", "unconfirmed", 3),
)


def page(
    mode: str,
    evidence: dict[str, Any],
    questions: tuple[Any, ...],
    form: forms.Form,
    senders: Any = SENDERS,
    **more: Any,
) -> Page:
    context = {
        "nav": nav(mode, "diagnostics", **more),
        "user": USER,
        "diagnosis": {"evidence": evidence, "questions": questions, "messages": {"senders": senders}},
        "form": form,
        "recovery": {"connected": True, "read_until": NOW, "last_run_at": NOW, "found": 3, "missed": 1},
        "backfill": {"mode": mode, "progress": None, "may_start": True},
        "reconciliation": {"running": None, "last": None},
    }
    return Page("integrations/diagnostics.html", context)


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    unconnected = question("events", "Events do not appear", "look", finding("Stripe is not connected.", "Connect it."))
    wrong = Reason({"reason": ""}, auto_id="quarantine_%s")
    yield "diagnostics", page("live", WELL, GOOD, Reason())
    yield "diagnostics-trouble", page("test", TROUBLE, BAD, wrong)
    yield "diagnostics-viewer", page("test", TROUBLE, BAD, Reason(), may_all=False)
    yield "diagnostics-new", page("test", NOTHING, (unconnected,), Reason(), ())
