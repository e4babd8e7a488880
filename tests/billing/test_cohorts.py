"""Cohorts: the month of the first MRR, for good; of one currency, workspace and mode."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.test import Client

from billing.metrics.cohorts import Cohort, cohorts, month_before
from billing.models import MovementKind as Kind
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import DailyRollupFactory, MovementFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

TODAY = date(2026, 6, 10)


def moved(workspace: Workspace, customer: str, day: str, kind: Kind, amount: int, people: int, **more: Any) -> None:
    MovementFactory(
        workspace=workspace,
        customer=customer,
        day=date.fromisoformat(day),
        kind=kind,
        amount=Decimal(amount),
        subscribers=people,
        **more,
    )


def found(workspace: Workspace, count: int = 4) -> tuple[Cohort, ...]:
    with scoped_transaction(workspace):
        return cohorts(workspace.pk, Mode.TEST, "usd", TODAY, count)


def filled(workspace: Workspace) -> None:
    """Two begin in March, of whom one leaves and returns; one in May, who leaves at once; and others that count not."""
    moved(workspace, "ada", "2026-03-01", Kind.NEW, 1000, 1)
    moved(workspace, "ada", "2026-04-30", Kind.EXPANSION, 500, 0)
    moved(workspace, "bob", "2026-03-31", Kind.NEW, 3000, 1)
    moved(workspace, "bob", "2026-04-02", Kind.CHURN, -3000, -1)
    moved(workspace, "bob", "2026-06-01", Kind.REACTIVATION, 1000, 1)
    moved(workspace, "cid", "2026-05-05", Kind.NEW, 700, 1)
    moved(workspace, "cid", "2026-05-20", Kind.INVOLUNTARY_CHURN, -700, -1)
    moved(workspace, "old", "2026-02-28", Kind.NEW, 9000, 1)
    moved(workspace, "old", "2026-04-01", Kind.CHURN, -9000, -1)
    moved(workspace, "ada", "2026-07-01", Kind.CHURN, -1500, -1)  # in the future
    moved(workspace, "ada", "2026-03-02", Kind.PLAN, 77, 1, price="price_1")
    moved(workspace, "ada", "2026-03-02", Kind.NEW, 88, 1, currency="eur")
    moved(workspace, "ada", "2026-03-02", Kind.NEW, 0, 1, currency="")
    moved(workspace, "eve", "2026-03-02", Kind.NEW, 99, 1, mode="live")
    moved(WorkspaceFactory(), "fox", "2026-03-02", Kind.NEW, 66, 1)


def test_what_is_left_month_by_month_and_who_returns_stays_in_the_first(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    filled(workspace)
    with scoped_transaction(workspace), django_assert_num_queries(1):
        march, may = cohorts(workspace.pk, Mode.TEST, "usd", TODAY, 4)
    assert (march.month, march.customers, march.mrr.plain()) == (date(2026, 3, 1), 2, "40.00")
    assert [(kept.customers, kept.mrr.plain()) for kept in march.kept] == [
        (2, "40.00"),
        (1, "15.00"),
        (1, "15.00"),
        (2, "25.00"),
    ]
    assert [kept.of_customers for kept in march.kept] == [1, Fraction(1, 2), Fraction(1, 2), 1]
    assert march.kept[3].of_mrr == Fraction(2500, 4000)
    assert (may.month, may.customers, [kept.customers for kept in may.kept]) == (date(2026, 5, 1), 1, [0, 0])


def test_an_older_cohort_needs_a_longer_look(workspace: Workspace) -> None:
    filled(workspace)
    assert [str(cohort.month) for cohort in found(workspace, 5)] == ["2026-02-01", "2026-03-01", "2026-05-01"]
    assert month_before(date(2026, 1, 15), 13) == date(2024, 12, 1)


def test_the_page_says_each_number_and_leads_to_the_customers(workspace: Workspace, viewer_client: Client) -> None:
    today = datetime.now(UTC).date()
    begun = month_before(today, 2)
    moved(workspace, "ada", str(begun), Kind.NEW, 1000, 1)
    moved(workspace, "bob", str(begun), Kind.NEW, 1000, 1)
    moved(workspace, "bob", str(month_before(today, 1)), Kind.CHURN, -1000, -1)
    DailyRollupFactory(workspace=workspace, day=begun, amount=Decimal(2000), subscribers=2, moves=2)
    text = viewer_client.get("/w/acme/test/numbers/cohorts/?currency=usd").content.decode()
    assert "50.00% after one month" in text
    assert f"{begun:%b %Y}" in text
    assert f"from={begun}" in text
    assert "$20.00" in text
    assert "No cohort yet" in viewer_client.get("/w/acme/live/numbers/cohorts/").content.decode()
