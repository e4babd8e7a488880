"""The fields of billing objects in words: "Status: active → past due", with amounts and times as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pqintel.ui import figures, moments

from .money import Money
from .names import PlanName

NOTHING: Final = "nothing"

_INSTANTS: Final = frozenset(
    {
        "created", "cancel_at", "canceled_at", "ended_at", "trial_start", "trial_end", "pause_resumes_at",
        "current_period_start", "current_period_end", "next_payment_attempt", "due_date", "period_start", "period_end",
        "finalized_at", "paid_at", "voided_at", "marked_uncollectible_at", "start", "end",
    }
)  # fmt: skip
_AMOUNTS: Final = frozenset(
    {
        "amount", "subtotal", "total", "tax", "amount_due", "amount_paid", "amount_remaining", "amount_received",
        "amount_total",
    }
)  # fmt: skip
_LABELS: Final = {
    "cancel_at": "Ends at",
    "cancel_at_period_end": "Ends with its period",
    "canceled_at": "Cancellation asked for",
    "pause_behavior": "Collection paused, invoices",
    "pause_resumes_at": "Collection resumes",
    "mode": "For",
    "code": "Reason code",
    "advice_code": "Network’s advice",
    "decline": "Kind of decline",
    "latest_invoice": "Newest invoice",
    "attempt_count": "Attempts",
}
_WORDS: Final = frozenset(
    {"status", "cancellation_reason", "pause_behavior", "collection_method", "billing_reason", "code", "decline_code",
     "advice_code", "failure_code", "decline", "mode", "payment_status", "reason"}
)  # fmt: skip
_LIMITS: Final = frozenset({"seats"})
"""Fields in which no number means no limit."""
# Said by the line itself, or a link that nobody reads.
_LEFT_OUT: Final = frozenset({"id", "customer", "hosted_invoice_url"})


@dataclass(frozen=True)
class Moved:
    """One field of a line: what it was (None: the line reports, nothing moved) and what it is, in words."""

    name: str
    label: str
    before: str | None
    after: str

    def __str__(self) -> str:
        return f"{self.label}: {self.after}" if self.before is None else f"{self.label}: {self.before} → {self.after}"


def moved(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, plans: Mapping[str, PlanName], currency: str
) -> tuple[Moved, ...]:
    """The fields of a line of history in words, in the order of their labels; what is empty or stayed is left out.

    Args:
        before: the fields as they were; None where nothing was known before or nothing moved.
        plans: names of the prices in it (`prices_in`).
        currency: of the object, for amounts in lines that do not name it; "" = not known.
    """
    now = after or {}
    code = now.get("currency") or (before or {}).get("currency") or currency
    known = before or {}
    fields = [
        Moved(
            name,
            label(name),
            say(name, known[name], plans, code) if name in known else None,
            say(name, value, plans, code),
        )
        for name, value in now.items()
        if name not in _LEFT_OUT and (known[name] != value if name in known else not _empty(value))
    ]
    return tuple(sorted(fields, key=lambda field: (field.name != "status", field.label)))


def _empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [])


def label(name: str) -> str:
    """The name of a field as people read it."""
    return _LABELS.get(name) or name.replace("_", " ").capitalize()


def say(name: str, value: Any, plans: Mapping[str, PlanName], currency: str) -> str:
    """A field's value as text; times in the active time zone."""
    if value is None and name in _LIMITS:
        return "unlimited"
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _INSTANTS and isinstance(value, int):
        return moments.exact(datetime.fromtimestamp(value, UTC))
    if name in _AMOUNTS and isinstance(value, int):
        return figures.money(Money(value, currency)) if currency else f"{value:,} (minor units)"
    if name == "items" and isinstance(value, list):
        return ", ".join(_item(item, plans) for item in value)
    if name == "discounts" and isinstance(value, list):
        return ", ".join(str(d.get("coupon") or d.get("id") or "terms of its own") for d in value)
    if name == "currency":
        return str(value).upper()
    if name == "features" and isinstance(value, dict):
        return ", ".join(f"{label(gate)}: {say('seats', limit, plans, currency)}" for gate, limit in value.items())
    if isinstance(value, list | dict):
        return "; ".join(str(part) for part in value)
    return str(value).replace("_", " ") if name in _WORDS else str(value)


def prices_in(entries: Iterable[Mapping[str, Any] | None]) -> set[str]:
    """The prices that the fields of some lines name."""
    return {
        item["price"]
        for fields in entries
        if fields
        for item in fields.get("items") or ()
        if isinstance(item, dict) and isinstance(item.get("price"), str)
    }


def _item(item: Any, plans: Mapping[str, PlanName]) -> str:
    if not isinstance(item, dict):
        return str(item)
    price, quantity = str(item.get("price")), item.get("quantity")
    return f"{plans.get(price) or price}{f' × {quantity:,}' if isinstance(quantity, int) and quantity != 1 else ''}"
