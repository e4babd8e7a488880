"""The dashboard, in each of its states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.money import Money

from .shell import NOW, USER, Page, nav


def usd(amount: str) -> Money:
    """Dollars, given in major units."""
    return Money(int(Decimal(amount) * 100), "usd")


def series(start: int, step: int, days: int = 90) -> list[tuple[date, Decimal]]:
    """Daily amounts that grow with a plausible wobble."""
    first = NOW.date() - timedelta(days=days)
    return [(first + timedelta(days=n), Decimal(start + step * n + (n * 37 % 11) * step)) for n in range(days + 1)]


def plan(name: str, interval: str, mrr: Money, subscribers: int, share: str) -> dict[str, Any]:
    return {
        "name": name,
        "interval_label": interval,
        "mrr": mrr,
        "active_subscribers": subscribers,
        "share": Decimal(share),
    }


def row(ago: timedelta, title: str, who: str, amount: Money | None, tone: str, detail: str = "") -> dict[str, Any]:
    return {
        "happened_at": NOW - ago,
        "kind": title.lower().replace(" ", "."),
        "title": title,
        "customer_label": who,
        "detail": detail,
        "amount": amount,
        "event_id": f"evt_{abs(hash((title, who))) % 10**8}",
        "tone": tone,
    }


def history() -> list[dict[str, Any]]:
    eur = Money(29000, "eur")
    return [
        row(timedelta(seconds=3), "Subscription started", "Lovelace & Sons", usd("49"), "good", "Pro, monthly"),
        row(
            timedelta(seconds=48),
            "Payment failed",
            "Turing Machines Ltd",
            usd("199"),
            "bad",
            "Card declined: insufficient funds",
        ),
        row(timedelta(minutes=7), "Invoice paid", "Hopper Naval Systems", usd("1188"), "good"),
        row(timedelta(minutes=31), "Plan changed", "Noether Symmetry GmbH", eur, "good", "Pro → Scale, from €49.00"),
        row(
            timedelta(hours=2),
            "Trial started",
            "a.very.long.address.for.a.customer@subdomain.example.com",
            None,
            "neutral",
        ),
        row(
            timedelta(hours=5), "Subscription ended", "Babbage Engines", usd("-49"), "bad", "Cancelled by the customer"
        ),
        row(timedelta(days=1), "Payment succeeded", "Johnson Orbital", usd("49"), "good"),
        row(timedelta(days=9), "Quantity changed", "Curie Labs", usd("120"), "good", "5 → 12 seats"),
    ]


def dashboard(**changes: Any) -> dict[str, Any]:
    """A dashboard in full; `changes` replaces attributes."""
    return {
        "version": 41,
        "as_of": NOW,
        "connected": True,
        "last_event_at": NOW - timedelta(seconds=3),
        "pending": 37,
        "quarantined": 1,
        "active_subscribers_total": 688,
        "currencies": [
            {
                "currency": "usd",
                "mrr": usd("48310.50"),
                "trial_mrr": usd("1274"),
                "active_subscribers": 612,
                "plans": [
                    plan("Pro", "monthly", usd("24108"), 492, "49.9"),
                    plan("Scale", "yearly", usd("16500.50"), 83, "34.2"),
                    plan("Starter with a rather long name for a plan", "monthly", usd("7692"), 36, "15.9"),
                    plan("Legacy", "every 3 months", usd("10"), 1, "0.02"),
                ],
                "mrr_series": series(41200, 71),
            },
            {
                "currency": "jpy",
                "mrr": Money(1250000, "jpy"),
                "trial_mrr": Money(0, "jpy"),
                "active_subscribers": 79,
                "plans": [plan("Pro", "monthly", Money(1250000, "jpy"), 79, "100")],
            },
        ],
        "history": history(),
        **changes,
    }


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    nothing: dict[str, Any] = {"currencies": [], "history": [], "pending": 0, "quarantined": 0, "last_event_at": None}
    one = dashboard()["currencies"][:1]
    yield "dashboard", page("live", dashboard())
    yield "dashboard-test", page("test", dashboard(currencies=one, pending=0, quarantined=0))
    yield "dashboard-unconnected", page("live", dashboard(**nothing, connected=False))
    yield "dashboard-waiting", page("test", dashboard(**nothing))
    yield "dashboard-no-revenue", page("live", dashboard(currencies=[], connected=False, pending=0))


def page(mode: str, shown: dict[str, Any]) -> Page:
    return Page("billing/dashboard.html", {"nav": nav(mode, "dashboard"), "dashboard": shown, "user": USER})
