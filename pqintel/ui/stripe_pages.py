"""Where things are shown in Stripe's own dashboard."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_FOLDERS: Final = {
    "customer": "customers",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "payment": "payments",
}


def object_page(mode: str, kind: str, stripe_id: str) -> str:
    """The address of an object at Stripe; "" for kinds that have no page there."""
    folder = _FOLDERS.get(kind)
    return _page(mode, folder, stripe_id) if folder else ""


def event_page(mode: str, event_id: str) -> str:
    """The address of an event; "" for what is no event of Stripe's, but an answer that was read from its API."""
    return _page(mode, "events", event_id) if event_id.startswith("evt_") else ""


def _page(mode: str, folder: str, stripe_id: str) -> str:
    side = "test/" if mode == "test" else ""
    return f"https://dashboard.stripe.com/{side}{folder}/{quote(stripe_id, safe='')}"
