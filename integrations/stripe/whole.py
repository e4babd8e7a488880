"""Lists inside of objects, of which Stripe embeds the first ten: the rest of them, so that a snapshot is whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from .client import Json, StripeReader
from .pages import MOST


def complete(reader: StripeReader, objects: Iterable[Json]) -> None:
    """Read what is cut off of subscriptions' items and invoices' lines, in place. One question more per 100 entries.

    Raises:
        ReadFailed: Stripe does not give them.
    """
    for each in objects:
        match each.get("object"):
            case "subscription":
                expand = ["data.discounts"]
                _fill(reader, each, "items", "/v1/subscription_items", subscription=each["id"], expand=expand)
            case "invoice":
                _fill(reader, each, "lines", f"/v1/invoices/{quote(each['id'], safe='')}/lines")


def _fill(reader: StripeReader, owner: Json, name: str, path: str, **filters: Any) -> None:
    """Read the whole list again and not only its rest: as one snapshot, and not the halves of two."""
    embedded = owner.get(name)
    if not isinstance(embedded, dict) or embedded.get("has_more") is not True:
        return
    entries: list[Any] = []
    more = True
    while more:
        cursor = {"starting_after": entries[-1]["id"]} if entries else {}
        page = reader.ask(path, limit=MOST, **filters, **cursor).json
        entries += page["data"]
        more = bool(page["data"]) and page.get("has_more") is True
    owner[name] = {**embedded, "data": entries, "has_more": False}
