"""Every number of whole simulated lives is exactly the sum of the rows that explain it, and they lead to its events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.metrics.definitions import DEFINITIONS, FAILURES, Unit
from billing.metrics.explain import Explanation, Question, Row, explain
from billing.metrics.explain.rows import PAGE_ROWS, summed
from billing.metrics.ledger import ledger
from billing.metrics.periods import Period
from billing.models import Version
from billing.modes import Mode
from billing.money import Money, total
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import random_lifecycle
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ExchangeRateFactory, WorkspaceFactory
from tests.integrations.living import lessons, teach

pytestmark = pytest.mark.django_db

SUMS = [d.slug for d in DEFINITIONS.values() if not d.formula and d.slug != "scheduled_churn"]
CURRENCIES = ("usd", "eur", "jpy", "kwd", "")


def life(seed: int, size: int = 60) -> Account:
    return random_lifecycle(seed, size, customer_discounts=True, stacked_discounts=False)


def lived(seed: int, zone: str) -> tuple[Workspace, date]:
    """A workspace that has learnt a life, beside others that learnt some of it too; and the life's last day."""
    account = life(seed)
    workspace, other = WorkspaceFactory(timezone=zone), WorkspaceFactory()
    told = lessons(account)
    teach(workspace, told)
    teach(workspace, told[: len(told) // 2], mode=Mode.LIVE)
    teach(other, told[: len(told) // 3])
    return workspace, datetime.fromtimestamp(account.now, ZoneInfo(zone)).date()


def rates_until(last: date, days: int = 500) -> None:
    """Rates that move every day."""
    chance = Random(7)
    for n in range(days):
        for currency, per_euro in (("usd", 1.1), ("jpy", 160), ("kwd", 0.34)):
            value = Decimal(str(round(per_euro * chance.uniform(0.9, 1.1), 6)))
            ExchangeRateFactory(currency=currency, day=last - timedelta(days=n), per_euro=value)


def ask(workspace: Workspace, question: Question, now: datetime | None = None) -> Explanation:
    with scoped_transaction(workspace):
        at = now or datetime.now(UTC)
        return explain(workspace.pk, Mode.TEST, question, ZoneInfo(workspace.timezone), at, "kwd")


def all_rows(workspace: Workspace, question: Question) -> tuple[Explanation, list[Any]]:
    first = ask(workspace, question)
    rows = [*first.rows.rows, *first.rows.converted, *first.rows.failed]
    for page in range(2, first.rows.pages + 1):
        more = ask(workspace, Question(question.metric, question.currency, question.period, question.price, page))
        assert (more.rows.amount, more.rows.number) == (first.rows.amount, first.rows.number)
        rows += [*more.rows.rows, *more.rows.converted, *more.rows.failed]
    return first, rows


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_sum_to_the_number_exactly(seed: int, zone: str) -> None:
    workspace, last = lived(seed, zone)
    rates_until(last)
    checked = 0
    for period in (
        Period(last - timedelta(days=400), last),
        Period(last - timedelta(days=60), last - timedelta(days=20)),
    ):
        for currency in CURRENCIES:
            for slug in SUMS if currency else [slug for slug in SUMS if slug not in FAILURES]:
                found, rows = all_rows(workspace, Question(slug, currency, period))
                assert found.missing == ()
                assert len(rows) == found.rows.number
                if found.definition.unit is Unit.COUNT:
                    assert sum(row.count for row in rows) == found.rows.count == found.value
                else:
                    assert isinstance(found.value, Money)
                    exact = total([row.amount for row in rows], found.currency)
                    assert exact == found.rows.amount == found.value
                checked += bool(rows)
                for row in rows:
                    if isinstance(row, Row) and currency:
                        parts = summed(row.parts, currency)
                        assert row.amount is not None
                        assert parts == row.amount
                    if isinstance(row, Row):
                        assert row.parts
    assert checked > 25


def test_the_parts_lead_to_the_events_that_made_them(workspace: Workspace) -> None:
    account = life(5)
    teach(workspace, lessons(account))
    last = datetime.fromtimestamp(account.now, UTC).date()
    found, rows = all_rows(workspace, Question("net_new", "usd", Period(last - timedelta(days=400), last)))
    assert found.rows.number == len(rows) > 3
    with scoped_transaction(workspace):
        known = {
            (version.object_id, version.event_id): version.position // 2
            for version in Version.objects.filter(kind="subscription", chosen=True)
        }
    passed = 0
    for row in rows:
        for part in row.parts:
            assert part.event_id is not None
            at = known[part.subscription, part.event_id]
            assert at == part.at.timestamp() or (part.passed and at < part.at.timestamp())
            passed += part.passed
            assert part.at.date() == row.day
    assert passed < len(rows)


def test_formulas_are_made_of_numbers_that_explain_themselves(workspace: Workspace) -> None:
    account = life(2)
    teach(workspace, lessons(account))
    last = datetime.fromtimestamp(account.now, UTC).date()
    period = Period(last - timedelta(days=200), last - timedelta(days=30))
    for definition in DEFINITIONS.values():
        found = ask(workspace, Question(definition.slug, "usd", period))
        for operand in found.operands:
            assert operand.name in definition.formula
            behind = ask(workspace, Question(operand.definition.slug, "usd", operand.period)).value
            if isinstance(behind, Money) and behind.minor < 0:
                behind = -behind
            assert behind == operand.value, (definition.slug, operand.name)


def test_one_plan_and_many_pages(workspace: Workspace) -> None:
    account = life(5, 120)
    teach(workspace, lessons(account))
    last = datetime.fromtimestamp(account.now, UTC).date()
    with scoped_transaction(workspace):
        book = ledger(workspace.pk, Mode.TEST, Period(last, last)).book("usd")
    _, rows = all_rows(workspace, Question("mrr", "usd", Period(last, last)))
    prices = {part.price for row in rows for part in row.parts}
    by_price = [ask(workspace, Question("mrr", "usd", Period(last, last), price)).rows.amount for price in prices]
    assert total([amount for amount in by_price if amount is not None], "usd") == book.closing
    assert len(prices) > 1


def test_pages_cut_the_rows_and_not_the_sum(workspace: Workspace) -> None:
    from tests.factories import MrrSpanFactory

    for number in range(PAGE_ROWS + 7):
        MrrSpanFactory(workspace=workspace, monthly=Decimal(100 + number), price="price_1")
    day = Period(date(2026, 3, 2), date(2026, 3, 2))
    first, rows = all_rows(workspace, Question("mrr", "usd", day))
    assert (len(first.rows.rows), len(rows), first.rows.pages) == (PAGE_ROWS, PAGE_ROWS + 7, 2)
    assert len({row.customer for row in rows}) == PAGE_ROWS + 7
    assert first.rows.amount == Money(Decimal(sum(range(100, 157))), "usd")
    assert all(part.event_id is None for row in rows for part in row.parts)


def test_a_missing_rate_is_said(workspace: Workspace) -> None:
    account = life(1)
    teach(workspace, lessons(account))
    last = datetime.fromtimestamp(account.now, UTC).date()
    found = ask(workspace, Question("mrr", "", Period(last, last)))
    assert (found.value, found.rows.number) == (None, 0)
    assert "kwd" in {rate.currency for rate in found.missing}
