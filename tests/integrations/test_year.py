"""A year of the demo's company: what the dashboard reads for each of its days, against the simulator's own code."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.metrics.ledger import ledger
from billing.metrics.mrr import day_end
from billing.metrics.periods import Period
from billing.modes import Mode
from billing.money import Money
from pqintel.embedded.demo import EVENTS, SEED
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.currencies import in_major_units
from pqintel.simulator.render import NEWEST
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.integrations.living import lessons, shuffled, teach

START = 1_735_689_600
"""2025-01-01T00:00:00Z."""
ZONE = ZoneInfo("UTC")
DAYS = 365
CUSTOMERS = 400

Figures = dict[str, Any]


@cache
def company() -> Account:
    account = Account(SEED, START)
    saas_year(account, START + DAYS * DAY, CUSTOMERS)
    return account


def shown(workspace: Workspace, days: list[date]) -> dict[tuple[date, str], Figures]:
    """MRR, active subscribers and each kind of movement of every day, in major units, as the dashboard rounds them."""
    with scoped_transaction(workspace) as workspace_id:
        whole = ledger(workspace_id, Mode.TEST, Period(days[0], days[-1]))
    found: dict[tuple[date, str], Figures] = {}
    for book in whole.books:
        closes, active = dict(book.balances()), dict(book.active_by_day())
        for day in days:
            flows = book.days.get(day, {})
            found[day, book.currency] = {
                "mrr": closes[day].rounded().amount,
                "active": active[day],
                **{
                    kind: (Money(abs(flow.amount), book.currency).rounded().amount, flow.moves)
                    for kind, flow in flows.items()
                },
            }
    return found


def _figure(minor: Decimal, currency: str) -> Decimal:
    return Money(minor, currency).rounded().amount


def told(truth: Truth, days: list[date]) -> dict[tuple[date, str], Figures]:
    """The same by the simulator."""
    closes = truth.daily_mrr()
    sums: dict[tuple[date, str, str], Fraction] = {}
    counts: Counter[tuple[date, str, str]] = Counter()
    for one in truth.movements():
        kind = "involuntary_churn" if one.involuntary else one.kind
        key = (one.day, one.currency, kind)
        sums[key] = sums.get(key, Fraction(0)) + one.amount
        counts[key] += 1
    found: dict[tuple[date, str], Figures] = {}
    for day in days:
        instant = truth.at(day_end(day, ZONE) - 1)
        for currency in closes[days[-1]]:
            standing = instant.get(currency)
            found[day, currency] = {
                "mrr": Decimal(str(in_major_units(closes.get(day, {}).get(currency, Fraction(0)), currency))),
                "active": len(standing.customers) if standing else 0,
            }
    for (day, currency, kind), amount in sums.items():
        if (day, currency) in found:
            figure = Decimal(str(in_major_units(amount, currency)))
            found[day, currency][kind] = (figure, counts[day, currency, kind])
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("disorder", [None, 3])
def test_every_day_of_the_year_is_the_simulators_to_the_cent(disorder: int | None) -> None:
    account, workspace = company(), WorkspaceFactory()
    history = lessons(account, NEWEST, EVENTS.split(","))
    teach(workspace, history if disorder is None else shuffled(history, disorder), batch=500)
    first = date(2025, 1, 1)
    days = [first + timedelta(days=n) for n in range(DAYS - 1)]  # the last day is not over
    ours, theirs = shown(workspace, days), told(Truth(account), days)
    assert {key: ours[key] for key in ours if ours[key] != theirs.get(key)} == {}
    assert ours.keys() == theirs.keys()
    kinds = {kind for figures in ours.values() for kind in figures}
    assert kinds >= {"new", "expansion", "contraction", "churn", "involuntary_churn", "reactivation"}
    assert len({currency for _, currency in ours}) > 1
