"""What people call customers and prices: one query for all that a page shows, however many rows it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .models import Customer, Price, Product
from .modes import Mode

_INTERVALS: Final = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly"}


@dataclass(frozen=True)
class PlanName:
    """A price in words: its product's name, else its own, else its id; and how often it bills ("" = unknown)."""

    name: str
    interval_label: str

    def __str__(self) -> str:
        return f"{self.name}, {self.interval_label}" if self.interval_label else self.name


def customer_labels(workspace_id: int, mode: Mode, customers: Iterable[str | None]) -> dict[str, str]:
    """A label for each of the customers that are known: name, else email, else id. One query, in scope."""
    ids = {customer for customer in customers if customer}
    rows = Customer.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id__in=ids)
    return {customer.stripe_id: str(customer) for customer in rows} if ids else {}


def plan_names(workspace_id: int, mode: Mode, prices: Iterable[str]) -> dict[str, PlanName]:
    """The name of every one of the prices, known or not. Two queries, in scope."""
    ids = set(prices)
    rows = {p.stripe_id: p for p in Price.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id__in=ids)}
    products = {
        p.stripe_id: p.name
        for p in Product.objects.filter(
            workspace_id=workspace_id, mode=mode, stripe_id__in={p.product for p in rows.values() if p.product}
        )
    }
    return {price: plan_name(price, rows.get(price), products) for price in ids}


def plan_name(price_id: str, price: Price | None, products: dict[str, str | None]) -> PlanName:
    """The name of one price; `products` are the names of products by id."""
    if price is None:
        return PlanName(price_id, "")
    count, interval = price.interval_count or 1, price.interval or ""
    label = _INTERVALS.get(interval, interval) if count == 1 else f"every {count} {interval}s"
    return PlanName(products.get(price.product or "") or price.nickname or price_id, label)
