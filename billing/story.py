"""The billing history as people read it: a title, whom it is about, what moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .declines import for_team
from .models import HistoryEntry
from .modes import Mode
from .money import Money
from .names import customer_labels

# Kinds that a person wants to see pass by; the rest is on the object's own page.
SHOWN = (
    "subscription.started",
    "subscription.changed",
    "subscription.activated",
    "subscription.trial_started",
    "subscription.trial_will_end",
    "subscription.trial_converted",
    "subscription.cancel_scheduled",
    "subscription.cancel_withdrawn",
    "subscription.past_due",
    "subscription.unpaid",
    "subscription.recovered",
    "subscription.paused",
    "subscription.resumed",
    "subscription.collection_paused",
    "subscription.collection_resumed",
    "subscription.ended",
    "invoice.paid",
    "invoice.partly_paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "payment.failed",
    "checkout.completed",
    "customer.deleted",
    "price.unmapped",
    "sync.gap",
)
_GOOD, _BAD, _NEUTRAL = "good", "bad", "neutral"


@dataclass(frozen=True)
class Line:
    """One line of the feed. `tone` is good, bad or neutral; `customer` is the id ("" = it is about nobody)."""

    happened_at: datetime
    kind: str
    title: str
    customer_label: str
    detail: str
    amount: Money | None
    event_id: str
    tone: str
    customer: str = ""


def latest(workspace_id: int, mode: Mode, count: int) -> list[Line]:
    """The newest lines of the feed, newest first. Two or three queries. Must run in scope."""
    entries = list(
        HistoryEntry.objects.filter(workspace_id=workspace_id, mode=mode, kind__in=SHOWN, superseded_at=None).order_by(
            "-happened_at", "-id"
        )[:count]
    )
    names = customer_labels(workspace_id, mode, (entry.customer for entry in entries))
    return [line(entry, names.get(entry.customer or "", entry.customer or "")) for entry in entries]


def line(entry: HistoryEntry, customer_label: str) -> Line:
    """One entry in words."""
    after: dict[str, Any] = entry.after or {}
    before: dict[str, Any] = entry.before or {}
    title, detail, tone = _words(entry.kind, before, after)
    amount = after.get("amount")
    money = Money(amount, after["currency"]) if amount and after.get("currency") else None
    return Line(
        entry.happened_at, entry.kind, title, customer_label, detail, money, entry.event_id, tone, entry.customer or ""
    )


def _words(kind: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str, str]:
    if kind in _TITLES:
        title, tone = _TITLES[kind]
        return title, "", tone
    match kind:
        case "subscription.started":
            return ("Trial started" if after.get("status") == "trialing" else "Subscription started"), "", _GOOD
        case "subscription.ended":
            failed = after.get("cancellation_reason") == "payment_failed"
            return "Subscription ended", "after failed payments" if failed else "", _BAD
        case "subscription.changed":
            return _change(before, after)
        case "invoice.payment_failed":
            attempt = after.get("attempt_count")
            return "Payment failed", f"attempt {attempt}" if attempt else "", _BAD
        case "invoice.status_changed":
            return _INVOICE_STATUS.get(str(after.get("status")), ("Invoice changed", "", _NEUTRAL))
        case "payment.failed":
            return "Card declined", for_team(after.get("code"), after.get("decline_code")), _BAD
        case "event.quarantined" | "event.replayed" | "event.dismissed":
            return _handling(kind, after)
        case "letter.sent" | "letter.held" | "letter.skipped" | "letter.failed":
            return _letter(kind, after)
        case "sync.gap":
            days = dict.fromkeys(str(after.get(name) or "")[:10] for name in ("starts", "ends"))
            return "Events lost", " to ".join(days), _BAD
        case "price.unmapped":
            return "Price without a plan", str(after.get("price") or ""), _BAD
    if kind.startswith("access."):
        return _access(kind, before, after)
    return kind.replace(".", " ").replace("_", " ").capitalize(), "", _NEUTRAL


_TITLES = {
    "subscription.found": ("Subscription found", _NEUTRAL),
    "subscription.activated": ("Subscription active", _GOOD),
    "subscription.trial_started": ("Trial started", _GOOD),
    "subscription.trial_will_end": ("Trial ends soon", _NEUTRAL),
    "subscription.trial_converted": ("Trial became a subscription", _GOOD),
    "subscription.cancel_scheduled": ("Cancellation scheduled", _BAD),
    "subscription.cancel_withdrawn": ("Cancellation withdrawn", _GOOD),
    "subscription.past_due": ("Payment overdue", _BAD),
    "subscription.unpaid": ("Subscription unpaid", _BAD),
    "subscription.recovered": ("Payment recovered", _GOOD),
    "subscription.paused": ("Subscription paused", _NEUTRAL),
    "subscription.resumed": ("Subscription resumed", _GOOD),
    "subscription.collection_paused": ("Collection paused", _NEUTRAL),
    "subscription.collection_resumed": ("Collection resumed", _NEUTRAL),
    "invoice.paid": ("Invoice paid", _GOOD),
    "invoice.partly_paid": ("Invoice paid in part", _NEUTRAL),
    "invoice.payment_action_required": ("Customer must confirm the payment", _BAD),
    "payment.succeeded": ("Payment received", _GOOD),
    "checkout.completed": ("Checkout completed", _GOOD),
    "customer.found": ("Customer found", _NEUTRAL),
    "customer.deleted": ("Customer deleted", _NEUTRAL),
}
_INVOICE_STATUS = {
    "draft": ("Invoice drafted", "", _NEUTRAL),
    "open": ("Invoice opened", "", _NEUTRAL),
    "paid": ("Invoice paid", "", _GOOD),
    "void": ("Invoice voided", "", _NEUTRAL),
    "uncollectible": ("Invoice written off", "", _BAD),
    "deleted": ("Draft invoice deleted", "", _NEUTRAL),
}


def _handling(kind: str, after: dict[str, Any]) -> tuple[str, str, str]:
    """What became of an event that could not be processed, and who decided."""
    title = {"event.quarantined": "Event set aside", "event.replayed": "Event replayed"}.get(kind, "Event dismissed")
    by = f"by {after['by']}" if after.get("by") else ""
    detail = " ".join(word for word in (after.get("type"), by) if word)
    return title, detail, _BAD if kind == "event.quarantined" else _NEUTRAL


def _letter(kind: str, after: dict[str, Any]) -> tuple[str, str, str]:
    """What became of a letter to the customer, which one it was, and why."""
    titles = {
        "letter.sent": ("Letter sent", _GOOD),
        "letter.held": ("Letter held back", _NEUTRAL),
        "letter.failed": ("Letter could not be sent", _BAD),
    }
    title, tone = titles.get(kind, ("Letter not sent", _NEUTRAL))
    return title, ": ".join(str(after[name]) for name in ("letter", "reason") if after.get(name)), tone


def _change(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str, str]:
    """The most telling of the fields that moved."""
    if "status" in after:  # a status without a kind of its own
        return f"Subscription {str(after['status']).replace('_', ' ')}", "", _NEUTRAL
    if "items" in after:
        return _items(before.get("items") or [], after["items"])
    if "discounts" in after:
        return ("Discount applied" if after["discounts"] else "Discount ended"), "", _NEUTRAL
    return "Subscription changed", ", ".join(name.replace("_", " ") for name in sorted(after)), _NEUTRAL


def _access(kind: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str, str]:
    """What became of a customer's plan: from which to which, or their seats."""
    titles = {
        "access.granted": ("Access granted", _GOOD),
        "access.upgraded": ("Access upgraded", _GOOD),
        "access.downgraded": ("Access downgraded", _BAD),
        "access.lost": ("Access lost", _BAD),
        "access.changed": ("Access changed", _NEUTRAL),
    }
    title, tone = titles.get(kind, ("Access changed", _NEUTRAL))
    was, now = (str(side.get("tier") or "none") for side in (before, after))
    if kind == "access.granted":
        return title, now, tone
    if was != now:
        return title, f"{was} → {now}", tone
    seats = tuple("unlimited" if s.get("seats") is None else str(s["seats"]) for s in (before, after))
    return title, f"seats {seats[0]} → {seats[1]}" if seats[0] != seats[1] else "features", tone


def _items(before: Iterable[dict[str, Any]], after: Iterable[dict[str, Any]]) -> tuple[str, str, str]:
    seats_before, seats_after = (sum(item.get("quantity") or 0 for item in items) for items in (before, after))
    if {i["price"] for i in before} != {i["price"] for i in after}:
        return "Plan changed", "", _NEUTRAL
    if seats_before != seats_after:
        tone = _GOOD if seats_after > seats_before else _BAD
        return "Quantity changed", f"{seats_before} → {seats_after}", tone
    return "Subscription changed", "items", _NEUTRAL
