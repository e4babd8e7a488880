"""Plan distribution: by tier where prices are mapped to one, and each tier is exactly the sum of what explains it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from billing.access.mapped import tiers_of_prices
from billing.actions.movements import refresh
from billing.metrics.explain import Question, explain
from billing.metrics.ledger import ledger
from billing.metrics.periods import Period
from billing.metrics.plans import PlanGroup, plans
from billing.modes import Mode
from billing.money import Money, total
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import (
    ConnectionFactory,
    MrrSpanFactory,
    PriceFactory,
    PriceMappingFactory,
    ProductFactory,
    SyncStateFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

MARCH = 1_772_323_200  # 2026-03-01T00:00:00Z
DAY = Period(date(2026, 3, 2), date(2026, 3, 2))


def sells(
    workspace: Workspace, price: str, customer: str, minor: str, currency: str = "usd", mode: str = "test"
) -> None:
    MrrSpanFactory(
        workspace=workspace,
        mode=mode,
        subscription=f"sub_{customer}_{price}",
        customer=customer,
        item=f"si_{customer}_{price}",
        price=price,
        currency=currency,
        monthly=Decimal(minor),
        starts=MARCH,
    )
    with scoped_transaction(workspace):
        refresh(workspace.pk, mode, [customer], ZoneInfo(workspace.timezone))


def mapped(workspace: Workspace, price: str, tier: str | None, **more: object) -> None:
    PriceMappingFactory(**{"workspace": workspace, "mode": "test", "value": price, "tier": tier, **more})


def distribution(workspace: Workspace, currency: str = "usd") -> tuple[PlanGroup, ...]:
    with scoped_transaction(workspace):
        read = ledger(workspace.pk, Mode.TEST, DAY)
        return plans(workspace.pk, Mode.TEST, read)[currency]


def told(groups: tuple[PlanGroup, ...]) -> list[tuple[str, str, str, int, list[str]]]:
    return [(g.tier, g.name, g.mrr.plain(), g.subscribers, [line.price for line in g.plans]) for g in groups]


def test_prices_stand_in_their_tier_and_the_others_by_themselves(workspace: Workspace) -> None:
    ProductFactory(workspace=workspace, mode="test", stripe_id="prod_1", name="Basic", tier_key="starter")
    PriceFactory(workspace=workspace, mode="test", stripe_id="price_basic", product="prod_1", interval="month")
    PriceFactory(workspace=workspace, mode="test", stripe_id="price_key", lookup_key="pro-2026", product=None)
    mapped(workspace, "price_month", "growth")
    mapped(workspace, "pro-2026", "growth", kind="lookup_key")
    mapped(workspace, "price_nothing", None)
    mapped(workspace, "price_gone", "no-such-tier")
    mapped(workspace, "price_loose", "scale", mode="live")
    mapped(WorkspaceFactory(), "price_loose", "scale")
    sells(workspace, "price_month", "a", "3000")
    sells(workspace, "price_key", "b", "2500.5")
    sells(workspace, "price_basic", "c", "700")
    sells(workspace, "price_loose", "d", "4000")
    sells(workspace, "price_nothing", "e", "200")
    sells(workspace, "price_gone", "f", "100")
    sells(workspace, "price_month", "g", "999", mode="live")
    groups = distribution(workspace)
    assert [(g.tier, g.name, g.mrr.minor, g.subscribers, [line.price for line in g.plans]) for g in groups] == [
        ("growth", "Growth", Decimal("5500.5"), 2, ["price_month", "price_key"]),
        ("", "price_loose", 4000, 1, ["price_loose"]),
        ("starter", "Starter", 700, 1, ["price_basic"]),
        ("", "price_nothing", 200, 1, ["price_nothing"]),
        ("", "price_gone", 100, 1, ["price_gone"]),
    ]
    assert sum(group.share for group in groups) == 100
    assert groups[0].share == 100 * Decimal("5500.5") / Decimal("10500.5")
    assert groups[2].plans[0].name == "Basic"


def test_a_tier_of_two_currencies_is_a_part_of_each(workspace: Workspace) -> None:
    mapped(workspace, "price_month", "growth")
    sells(workspace, "price_month", "a", "3000")
    sells(workspace, "price_month", "b", "90", currency="jpy")
    assert told(distribution(workspace)) == [("growth", "Growth", "30.00", 1, ["price_month"])]
    assert told(distribution(workspace, "jpy")) == [("growth", "Growth", "90", 1, ["price_month"])]


def test_who_has_two_plans_of_a_tier_is_said_to_count_twice(workspace: Workspace) -> None:
    for price in ("price_base", "price_seats"):
        mapped(workspace, price, "growth")
        sells(workspace, price, "a", "1000")
    mapped(workspace, "price_big", "scale")
    sells(workspace, "price_big", "b", "500")
    growth, scale = distribution(workspace)
    assert (growth.subscribers, growth.people_overlap) == (2, True)
    assert (scale.subscribers, scale.people_overlap) == (1, False)


def test_people_are_exact_where_nobody_has_two_plans(workspace: Workspace) -> None:
    for price, customer in (("price_base", "a"), ("price_seats", "b")):
        mapped(workspace, price, "growth")
        sells(workspace, price, customer, "1000")
    (growth,) = distribution(workspace)
    assert (growth.subscribers, growth.people_overlap) == (2, False)


def test_every_group_is_the_sum_of_the_rows_that_explain_it(workspace: Workspace) -> None:
    mapped(workspace, "price_a", "growth")
    mapped(workspace, "price_b", "growth")
    sells(workspace, "price_a", "a", "333.333333333333333333")
    sells(workspace, "price_b", "a", "100")
    sells(workspace, "price_b", "b", "50.5")
    sells(workspace, "price_c", "c", "7000")
    groups = distribution(workspace)
    for group in groups:
        asked = Question("mrr", "usd", DAY, price="" if group.tier else group.plans[0].price, tier=group.tier)
        with scoped_transaction(workspace):
            found = explain(workspace.pk, Mode.TEST, asked, ZoneInfo("UTC"), datetime(2026, 3, 2, tzinfo=UTC), "usd")
        assert found.rows.amount == group.mrr == total([row.amount for row in found.rows.rows if row.amount], "usd")
    assert total([group.mrr for group in groups], "usd") == Money(Decimal("7483.833333333333333333"), "usd")
    with scoped_transaction(workspace):
        none = explain(
            workspace.pk, Mode.TEST, Question("mrr", "usd", DAY, tier="scale"), ZoneInfo("UTC"),
            datetime(2026, 3, 2, tzinfo=UTC), "usd",
        )  # fmt: skip
    assert (none.rows.number, none.rows.amount) == (0, Money(0, "usd"))


def test_the_pages_name_the_tier(workspace: Workspace, viewer_client: Client) -> None:
    ConnectionFactory(workspace=workspace, mode="test", status="connected")
    SyncStateFactory(workspace=workspace, mode="test")
    mapped(workspace, "price_a", "growth")
    mapped(workspace, "price_b", "growth")
    sells(workspace, "price_a", "a", "1000")
    sells(workspace, "price_b", "a", "500")
    sells(workspace, "price_c", "c", "100")
    text = viewer_client.get("/w/acme/test/").content.decode()
    assert "MRR of the Growth tier: </span>$15.00</a>" in text
    assert "up to 2" in text
    assert "tier=growth" in text
    page = viewer_client.get("/w/acme/test/numbers/mrr/?currency=usd&tier=growth").content.decode()
    assert "MRR of the Growth tier" in page
    assert "$15.00" in page
    assert "price_c" not in page
    nobody = viewer_client.get("/w/acme/test/numbers/mrr/?currency=usd&tier=%00%3Cb%3E").content.decode()
    assert "MRR of the &lt;b&gt; tier" in nobody


def test_the_tiers_of_many_prices_cost_a_fixed_number_of_queries(
    workspace: Workspace, django_assert_num_queries: Callable[..., object]
) -> None:
    for number in range(30):
        mapped(workspace, f"price_{number}", "growth")
    with scoped_transaction(workspace), django_assert_num_queries(3):
        assert len(tiers_of_prices(workspace.pk, Mode.TEST, [f"price_{number}" for number in range(40)])) == 30
    with scoped_transaction(workspace), django_assert_num_queries(0):
        assert tiers_of_prices(workspace.pk, Mode.TEST, []) == {}
