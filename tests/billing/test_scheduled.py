"""Scheduled churn: what leaves, when, of whom; nothing that has left already, and nobody else's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.metrics.explain import Question, explain
from billing.metrics.periods import Period
from billing.metrics.scheduled import Leaving, scheduled_churn
from billing.modes import Mode
from billing.money import Money
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import THEN, ExchangeRateFactory, MrrSpanFactory, SubscriptionFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
LATE = datetime(2026, 4, 30, 23, 30, tzinfo=UTC)  # 1 May in Berlin
NOW = THEN + timedelta(days=1)


def subscription(workspace: Workspace, minor: int, currency: str = "usd", span: Any = None, **fields: Any) -> str:
    made = SubscriptionFactory(workspace=workspace, **fields)
    more = {"monthly": Decimal(minor), "currency": currency, "mode": made.mode, **(span or {})}
    MrrSpanFactory(workspace=workspace, subscription=made.stripe_id, customer=made.customer, **more)
    name: str = made.stripe_id
    return name


def filled(workspace: Workspace) -> list[str]:
    """Three that are to leave, and everything that must not count."""
    leaving = [
        subscription(workspace, 1000, cancel_at_period_end=True, current_period_end=LATE),
        subscription(workspace, 250, cancel_at=LATE + timedelta(days=40), status="past_due"),
        subscription(workspace, 700, "eur", cancel_at_period_end=True),
    ]
    subscription(workspace, 9999)
    subscription(workspace, 9999, cancel_at=LATE, status="canceled")
    subscription(workspace, 9999, cancel_at=LATE, status="active", span={"trial": True})
    subscription(workspace, 9999, cancel_at=LATE, span={"ends": int(NOW.timestamp())})
    subscription(workspace, 9999, cancel_at=LATE, mode="live")
    subscription(WorkspaceFactory(), 9999, cancel_at=LATE)
    return leaving


def test_by_currency_and_effective_day_of_the_zone(workspace: Workspace, django_assert_num_queries: Any) -> None:
    filled(workspace)
    with scoped_transaction(workspace), django_assert_num_queries(1):
        found = scheduled_churn(workspace.pk, Mode.TEST, NOW, BERLIN)
    assert found.keys() == {"usd", "eur"}
    assert found["usd"].days == (
        Leaving(date(2026, 5, 1), Money(Decimal(1000), "usd"), 1),
        Leaving(date(2026, 6, 10), Money(Decimal(250), "usd"), 1),
    )
    assert (found["usd"].amount.plain(), found["usd"].subscriptions) == ("12.50", 2)
    assert found["eur"].days == (Leaving(None, Money(Decimal(700), "eur"), 1),)


def test_its_rows_sum_to_it(workspace: Workspace) -> None:
    leaving = filled(workspace)
    today = Period(NOW.date(), NOW.date())
    with scoped_transaction(workspace):
        found = explain(workspace.pk, Mode.TEST, Question("scheduled_churn", "usd", today), BERLIN, NOW, "usd")
    assert found.value == found.rows.amount == Money(Decimal(1250), "usd")
    assert [(row.day, row.amount, [part.subscription for part in row.parts]) for row in found.rows.rows] == [
        (date(2026, 5, 1), Money(Decimal(1000), "usd"), [leaving[0]]),
        (date(2026, 6, 10), Money(Decimal(250), "usd"), [leaving[1]]),
    ]


def test_all_currencies_in_one_need_a_rate(workspace: Workspace) -> None:
    filled(workspace)
    question = Question("scheduled_churn", "", Period(NOW.date(), NOW.date()))

    def asked() -> Any:
        with scoped_transaction(workspace):
            return explain(workspace.pk, Mode.TEST, question, BERLIN, NOW, "usd")

    assert (asked().value, [rate.currency for rate in asked().missing]) == (None, ["usd"])
    ExchangeRateFactory(day=NOW.date(), currency="usd", per_euro=Decimal("1.10"))
    assert asked().value == asked().rows.amount == Money(Decimal(2020), "usd")
