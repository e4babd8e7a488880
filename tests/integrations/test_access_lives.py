"""Access of random lives, in every payload family and any order, against what the simulator's own subscriptions say."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from billing.access import DEFAULT_TIERS
from billing.fingerprint import canonical
from billing.models import Access
from billing.modes import Mode
from pqintel.simulator.account import Account
from pqintel.simulator.render.families import FAMILIES, Family
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.state import Subscription
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import PriceMappingFactory, WorkspaceFactory

from .living import lessons, shuffled, teach

LIVES, SIZE = 5, 20
RANKS = {tier.key: tier.rank for tier in DEFAULT_TIERS}
GIVES = ("starter", "growth", "scale", None, "unmapped")


def mapped(account: Account) -> dict[str, str | None]:
    """Which tier each price of an account gives: some none on purpose, some nobody has said."""
    gives = {price: GIVES[n % len(GIVES)] for n, price in enumerate(sorted(account.prices))}
    return {price: tier for price, tier in gives.items() if tier != "unmapped"}


def expected(subscriptions: Iterable[Subscription], gives: dict[str, str | None]) -> tuple[str, list[str]]:
    """The tier of a customer with these subscriptions, and the prices that nobody mapped."""
    prices = {
        item.price.id
        for one in subscriptions
        if one.status in ("active", "trialing", "past_due")
        and not (one.pause_collection and one.pause_collection.behavior == "void")
        for item in one.items
    }
    tiers = [tier for price in prices if (tier := gives.get(price))]
    return max(tiers, key=RANKS.__getitem__, default="free"), sorted(prices - gives.keys())


def rows(workspace: Workspace) -> dict[str, tuple[str | None, list[str]]]:
    with scoped_transaction(workspace):
        return {row.customer: (row.tier, row.unmapped) for row in Access.objects.filter(mode=Mode.TEST)}


@pytest.mark.django_db
@pytest.mark.parametrize("family", FAMILIES, ids=[family.version for family in FAMILIES])
def test_access_is_what_the_subscriptions_say_in_any_order(family: Family) -> None:
    seed = FAMILIES.index(family)
    print(f"seeds access-{seed}-0 … {LIVES - 1}")
    accounts = [random_lifecycle(f"access-{seed}-{n}", SIZE, stacked_discounts=False) for n in range(LIVES)]
    gives = {price: tier for account in accounts for price, tier in mapped(account).items()}
    ordered, disordered = WorkspaceFactory(), WorkspaceFactory()
    for workspace in (ordered, disordered):
        for price, tier in gives.items():
            PriceMappingFactory(workspace=workspace, value=price, tier=tier)
    told = [lesson for account in accounts for lesson in lessons(account, family)]
    teach(ordered, sorted(told, key=lambda lesson: lesson.happened_at), batch=60)
    teach(disordered, shuffled(told, seed=seed, copies=2), batch=Random(seed).randint(5, 90))

    truth: dict[str, list[Subscription]] = {}
    for account in accounts:
        for one in account.subscriptions.values():
            truth.setdefault(one.customer, []).append(one)
    assert rows(ordered) == {customer: expected(theirs, gives) for customer, theirs in truth.items()}
    assert len({tier for tier, _ in rows(ordered).values()}) > 2
    with scoped_transaction(ordered):
        first = canonical(ordered.pk, Mode.TEST)
    with scoped_transaction(disordered):
        second = canonical(disordered.pk, Mode.TEST)
    assert (first["access"], first["priceuse"]) == (second["access"], second["priceuse"])
