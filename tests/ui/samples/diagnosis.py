"""Comparisons with Stripe, in each of their states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from .billing import usd
from .shell import NOW, USER, Page, nav

COMPARED = [("customers", 412), ("subscriptions", 388), ("invoices", 4_206), ("payments", 4_120), ("prices", 14)]


def run(**changes: Any) -> SimpleNamespace:
    """A run that ended and found nothing; `changes` replaces attributes."""
    return SimpleNamespace(
        **{
            "phase": "Finished",
            "running": False,
            "repairs": True,
            "asked_by": "",
            "started_at": NOW - timedelta(hours=7, minutes=4),
            "finished_at": NOW - timedelta(hours=7),
            "compared": COMPARED,
            "total": sum(count for _, count in COMPARED),
            "skipped": [],
            "drifts": 0,
            "repaired": 0,
            "open": 0,
            "amounts": [],
            "failure": None,
            **changes,
        }
    )


def drift(label: str, object_id: str, field: str, ours: str, theirs: str, **changes: Any) -> dict[str, Any]:
    return {
        "kind": label.lower(),
        "label": label,
        "object_id": object_id,
        "field": field,
        "ours": ours,
        "theirs": theirs,
        "amount": None,
        "monthly": False,
        "found_at": NOW - timedelta(hours=7),
        "repaired_at": NOW - timedelta(hours=7),
        **changes,
    }


DRIFTS = [
    drift(
        "Subscription",
        "sub_1QxT2eLkdIwHu7ix4kL0a9Bc",
        "Items",
        "Team, monthly",
        "Team, monthly × 3",
        amount=usd("98.00"),
        monthly=True,
    ),
    drift("Invoice", "in_1QxT2eLkdIwHu7ixm2Vb9TzR", "Status", "open", "paid", amount=usd("4900.00")),
    drift("Invoice", "in_1QxT2eLkdIwHu7ixQ4wYc8Lp", "", "present", "missing", amount=usd("-49.00"), repaired_at=None),
    drift("Customer", "cus_R8mN4tYp2Q", "Email", "ada@old.example", "ada.lovelace@analytical-engines.example"),
]


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    skipped = [("coupons", "The key lacks a permission: rak_coupon_read. Edit the key at Stripe and set it to Read.")]
    found = run(
        drifts=4, repaired=3, open=1, amounts=[usd("5047.00")], skipped=skipped, asked_by="ada@northwind.example"
    )
    yield "drift", page(None, found, DRIFTS, older=1234)
    yield "drift-none", page(None, run(), [])
    yield "drift-never", page(None, None, [], may_all=False)
    failed = run(failure="Stripe asks to slow down. It is tried again later.", finished_at=None)
    yield "drift-failed", page(None, failed, [])
    now = run(
        running=True, phase="Looking again at differences", finished_at=None, started_at=NOW - timedelta(minutes=2)
    )
    yield "drift-running", page(now, run(), DRIFTS, mode="test")


def page(
    running: Any,
    last: Any,
    drifts: list[dict[str, Any]],
    *,
    older: int | None = None,
    mode: str = "live",
    may_all: bool = True,
) -> Page:
    context = {
        "nav": nav(mode, "integrations", may_all=may_all),
        "user": USER,
        "reconciliation": SimpleNamespace(running=running, last=last),
        "drifts": drifts,
        "older": older,
        "first_page": True,
    }
    return Page("integrations/drift.html", context)
