"""The billing history as people read it: a title, whom it is about, what moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .models import HistoryEntry
from .modes import Mode
from .money import Money
from .names import customer_labels

# Kinds that a person wants to see pass by; the rest is on the object's own page.
SHOWN = (
    "subscription.started",
    "subscription.changed",
    "subscription.ended",
    "invoice.paid",
    "invoice.payment_failed",
    "payment.failed",
    "checkout.completed",
    "customer.deleted",
    "price.unmapped",
)
_GOOD, _BAD, _NEUTRAL = "good", "bad", "neutral"


@dataclass(frozen=True)
class Line:
    """One line of the feed. `tone` is good, bad or neutral."""

    happened_at: datetime
    kind: str
    title: str
    customer_label: str
    detail: str
    amount: Money | None
    event_id: str
    tone: str


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
    return Line(entry.happened_at, entry.kind, title, customer_label, detail, money, entry.event_id, tone)


def _words(kind: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str, str]:
    match kind:
        case "subscription.started":
            return ("Trial started" if after.get("status") == "trialing" else "Subscription started"), "", _GOOD
        case "subscription.ended":
            failed = after.get("cancellation_reason") == "payment_failed"
            return "Subscription ended", "after failed payments" if failed else "", _BAD
        case "subscription.changed":
            return _change(before, after)
        case "invoice.paid":
            return "Invoice paid", "", _GOOD
        case "invoice.payment_failed":
            attempt = after.get("attempt_count")
            return "Payment failed", f"attempt {attempt}" if attempt else "", _BAD
        case "payment.failed":
            reason = after.get("decline_code") or after.get("code") or ""
            return "Card declined", str(reason).replace("_", " "), _BAD
        case "checkout.completed":
            return "Checkout completed", "", _GOOD
        case "customer.deleted":
            return "Customer deleted", "", _NEUTRAL
        case "event.quarantined" | "event.replayed" | "event.dismissed":
            return _handling(kind, after)
        case "price.unmapped":
            return "Price without a plan", str(after.get("price") or ""), _BAD
    if kind.startswith("access."):
        return _access(kind, before, after)
    return kind.replace(".", " ").replace("_", " ").capitalize(), "", _NEUTRAL


def _handling(kind: str, after: dict[str, Any]) -> tuple[str, str, str]:
    """What became of an event that could not be processed, and who decided."""
    title = {"event.quarantined": "Event set aside", "event.replayed": "Event replayed"}.get(kind, "Event dismissed")
    by = f"by {after['by']}" if after.get("by") else ""
    detail = " ".join(word for word in (after.get("type"), by) if word)
    return title, detail, _BAD if kind == "event.quarantined" else _NEUTRAL


def _change(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str, str]:
    """The most telling of the fields that moved."""
    if "status" in after:
        was, now = before.get("status"), after["status"]
        titles = {
            "active": ("Trial became a subscription" if was == "trialing" else "Subscription active", _GOOD),
            "past_due": ("Payment overdue", _BAD),
            "unpaid": ("Subscription unpaid", _BAD),
            "paused": ("Subscription paused", _NEUTRAL),
            "trialing": ("Trial started", _GOOD),
        }
        title, tone = titles.get(now, (f"Subscription {str(now).replace('_', ' ')}", _NEUTRAL))
        return title, "", tone
    if after.get("cancel_at") or after.get("cancel_at_period_end"):
        return "Cancellation scheduled", "", _BAD
    if "cancel_at" in after or "cancel_at_period_end" in after:
        return "Cancellation withdrawn", "", _GOOD
    if "pause_behavior" in after:
        return ("Collection paused" if after["pause_behavior"] else "Collection resumed"), "", _NEUTRAL
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
