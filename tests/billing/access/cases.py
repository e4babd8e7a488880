"""Short words for the tests of access: subscriptions' steps, lessons, and the rows they lead to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from billing.access import Answer, Step, for_customer
from billing.actions import learn
from billing.fingerprint import canonical
from billing.models import HistoryEntry
from billing.modes import Mode
from billing.snapshots import CatalogueEntry, ItemState, Kind, Learned, Price, Product, Snapshot, SubscriptionState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope

T = 1_767_225_600
"""2026-01-01T00:00:00Z."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400
STARTER, GROWTH, SCALE = (
    (Product(f"prod_{tier}", tier.title(), active=True, tier_key=tier), Price(f"price_{tier}", product=f"prod_{tier}"))
    for tier in ("starter", "growth", "scale")
)
CATALOGUE: tuple[CatalogueEntry, ...] = (*STARTER, *GROWTH, *SCALE, Price("price_strange", product="prod_strange"))


def step(second: int, status: str = "active", price: str = "growth", quantity: int = 1, **more: Any) -> Step:
    return Step(T + second, f"evt_{second}", status, None, ((f"price_{price}", quantity),))._replace(**more)


def state(
    status: str = "active",
    price: str = "growth",
    quantity: int = 1,
    name: str = "sub_1",
    customer: str = "cus_1",
    **more: Any,
) -> SubscriptionState:
    items = (ItemState(f"si_{name}", f"price_{price}", quantity),)
    return replace(SubscriptionState(name, customer, status, T, currency="usd", items=items), **more)


def lesson(name: str, second: int, now: SubscriptionState, before: SubscriptionState | None = None) -> Learned:
    kind = "deleted" if now.status == "canceled" else ("updated" if before else "created")
    snapshot = Snapshot(Kind.SUBSCRIPTION, now, before=before, born=kind == "created")
    return Learned(f"evt_{name}", f"customer.subscription.{kind}", T + second, (snapshot,), ())


def catalogue(*entries: CatalogueEntry, name: str = "catalogue", second: int = -10) -> Learned:
    return Learned(f"evt_{name}", "product.created", T + second, (), entries or CATALOGUE)


def apply(workspace: Workspace, *lessons: Learned, mode: Mode = Mode.TEST, now: datetime = NOW) -> None:
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, mode, lessons, now)


def access(workspace: Workspace, customer: str = "cus_1", mode: Mode = Mode.TEST) -> Answer:
    with scope(workspace), transaction.atomic():
        return for_customer(workspace.pk, mode, customer)


def told(workspace: Workspace, customer: str = "cus_1") -> list[tuple[str, str | None, str]]:
    """The lines of history about a customer's access, as they were learnt: kind, tier after, event."""
    with scope(workspace), transaction.atomic():
        lines = HistoryEntry.objects.filter(object_kind="access", customer=customer).order_by("id")
        return [(line.kind, (line.after or {})["tier"], line.event_id) for line in lines]


def dump(workspace: Workspace) -> dict[str, list[Any]]:
    with scope(workspace), transaction.atomic():
        return canonical(workspace.pk, Mode.TEST)
