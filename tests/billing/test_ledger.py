"""What the rollups say about a period: of one workspace and mode, exactly, in two queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.metrics.ledger import EVERYBODY, ledger
from billing.metrics.periods import Period
from billing.models import MovementKind as Kind
from billing.modes import Mode
from billing.money import Money
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import DailyRollupFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

FIRST = date(2026, 3, 1)
MARCH = Period(FIRST, date(2026, 3, 31))
THIRD = Decimal("33.333333333333333333")


def rollup(workspace: Workspace, day: int, kind: Kind, amount: Decimal | int, people: int, **more: object) -> None:
    fields = {"currency": "usd", "day": FIRST + timedelta(days=day), "moves": abs(people) or 1, "mode": "test"} | more
    DailyRollupFactory(workspace=workspace, kind=kind, amount=Decimal(amount), subscribers=people, **fields)


def test_a_period_starts_from_all_that_was_before_and_knows_nothing_of_after(
    workspace: Workspace, django_assert_num_queries: Callable[..., object]
) -> None:
    rollup(workspace, -400, Kind.NEW, 10**19, 3)
    rollup(workspace, -1, Kind.EXPANSION, THIRD, 0)
    rollup(workspace, 0, Kind.CHURN, -1000, -1)
    rollup(workspace, 30, Kind.REACTIVATION, 500, 1)
    rollup(workspace, 31, Kind.NEW, 77777, 7)
    rollup(workspace, 5, Kind.PLAN, 88, 8, price="price_1", trial=Decimal(40))
    rollup(workspace, -5, Kind.PLAN, 88, 8, price="price_1", trial=Decimal(2))
    rollup(workspace, -50, Kind.PLAN, 12, 2, price="price_1", trial=Decimal(1))  # known by its month, which is over
    rollup(workspace, -59, Kind.PLAN_MONTH, 12, 2, price="price_1", trial=Decimal(1))
    rollup(workspace, -28, Kind.PLAN_MONTH, 88, 8, price="price_1", trial=Decimal(2))  # known by its days
    rollup(workspace, 5, Kind.NEW, 99999, 9, mode="live")
    rollup(WorkspaceFactory(), 5, Kind.NEW, 55555, 5)
    rollup(workspace, 3, Kind.NEW, 0, 1, currency="")
    rollup(workspace, 4, Kind.NEW, 700, 1, currency="jpy")
    with scoped_transaction(workspace), django_assert_num_queries(2):
        found = ledger(workspace.pk, Mode.TEST, MARCH)
    assert [book.currency for book in found.books] == ["usd", "jpy"]
    usd = found.book("usd")
    assert usd.opening == Money(Decimal("10000000000000000033.333333333333333333"), "usd")
    assert usd.closing == Money(Decimal("9999999999999999533.333333333333333333"), "usd")
    assert (usd.active_at_start, usd.active_at_end) == (3, 3)
    assert (usd.amount(Kind.CHURN).minor, usd.moves(Kind.CHURN), usd.moves(Kind.NEW)) == (-1000, 1, 0)
    assert (usd.trial_opening, usd.trial_mrr) == (Money(Decimal(3), "usd"), Money(Decimal(43), "usd"))
    assert (found.people.active_at_start, found.people.active_at_end) == (0, 1)
    assert usd.prices == (("price_1", Decimal(188), 18),)
    assert found.book(EVERYBODY) is found.people
    assert found.book("gbp").closing == Money(0, "gbp")


def test_series_have_every_day(workspace: Workspace) -> None:
    rollup(workspace, 1, Kind.NEW, 1000, 1)
    rollup(workspace, 1, Kind.EXPANSION, 200, 0)
    rollup(workspace, 3, Kind.CHURN, -1000, -1)
    rollup(workspace, 2, Kind.PLAN, 0, 0, price="price_1", trial=Decimal(40))
    with scoped_transaction(workspace):
        usd = ledger(workspace.pk, Mode.TEST, Period(FIRST, FIRST + timedelta(days=3))).book("usd")
    assert [str(balance.minor.normalize()) for _, balance in usd.balances()[1:]] == ["1.2E+3", "1.2E+3", "2E+2"]
    assert [active for _, active in usd.active_by_day()] == [0, 1, 1, 0]
    assert [int(trial.minor) for _, trial in usd.trial_balances()] == [0, 0, 40, 40]


def test_an_empty_workspace_has_no_currency(workspace: Workspace) -> None:
    with scoped_transaction(workspace):
        found = ledger(workspace.pk, Mode.LIVE, MARCH)
    assert (found.books, found.people.active_at_end) == ((), 0)
