"""Numbers and lengths of time in the sentences of the page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 event`, `1,200 events`."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def events_are(count: int) -> str:
    """`1 event is`, `3 events are`."""
    return "1 event is" if count == 1 else f"{count:,} events are"


_ABOUT: Final = {
    "discount": ("discount’s terms", "discounts’ terms"),
    "coupon": ("coupon’s terms", "coupons’ terms"),
    "price": ("price’s details", "prices’ details"),
    "checkout": ("checkout session", "checkout sessions"),
    "invoice_payments": ("invoice’s payments", "invoices’ payments"),
}
"""What Stripe is asked about (integrations.stripe.reads), where the plain word says too little."""


def questions(what: str, count: int) -> str:
    """`3 invoices’ payments`, `1 customer`: so many questions of a sort."""
    return many(count, *_ABOUT.get(what, (what.replace("_", " "),)))


def ago(now: datetime, moment: datetime) -> str:
    """`just now`, `5 min ago`."""
    return "just now" if now - moment < timedelta(seconds=5) else f"{span(now - moment)} ago"


def span(length: timedelta) -> str:
    """A length of time in one unit: `0.4 s`, `42 s`, `5 min`, `30 h`, `3 d`."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"
