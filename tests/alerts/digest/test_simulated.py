"""Summaries of a simulated company: each day against the simulator's own figures, each week against its days."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from alerts.digest.numbers import Summary, summary
from alerts.models import Cadence
from billing.dashboard import standing
from billing.metrics.statement import CHURNS, KINDS
from billing.models import MovementKind
from billing.modes import Mode
from billing.money import Money, total
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.integrations.living import lessons, teach

pytestmark = pytest.mark.django_db
START = 1_735_689_600  # 2025-01-01
WEEKS = 4


def told(workspace: Workspace, cadence: Cadence, day: date) -> Summary:
    now = datetime(day.year, day.month, day.day, 8, tzinfo=UTC) + timedelta(days=1)
    with scoped_transaction(workspace):
        return summary(workspace, Mode.TEST, cadence, day, standing(workspace, Mode.TEST, now), now)


def test_days_and_weeks_of_a_company(workspace: Workspace) -> None:
    account = Account(20_240_229, START)
    saas_year(account, START + 120 * 86_400, customers=80)
    teach(workspace, lessons(account))
    truth = Truth(account)
    closes = truth.daily_mrr()
    moves = Counter((one.day, one.currency, one.kind) for one in truth.movements())
    last = datetime.fromtimestamp(account.now, UTC).date() - timedelta(days=1)
    seen: Counter[str] = Counter()
    for week in range(WEEKS):
        end = last - timedelta(days=7 * week)
        days = [told(workspace, Cadence.DAILY, end - timedelta(days=n)) for n in range(6, -1, -1)]
        for one in days:
            for part in one.parts:
                if part.whole:
                    continue
                assert part.mrr is not None
                assert part.movements is not None
                day = one.period.last
                assert part.mrr.rounded().minor == round(closes.get(day, {}).get(part.currency, Fraction(0)))
                for kind in ("new", "expansion", "contraction", "reactivation"):
                    assert part.movements.moves[MovementKind(kind)] == moves[day, part.currency, kind]
                    seen[kind] += moves[day, part.currency, kind]
                churned = sum(part.movements.moves[kind] for kind in CHURNS)
                assert churned == moves[day, part.currency, "churn"]
                seen["churn"] += churned
        _adds_up(told(workspace, Cadence.WEEKLY, end), days, seen)
    assert all(seen[name] for name in ("new", "churn", "started", "failed", "recovered")), seen


def _adds_up(week: Summary, days: list[Summary], seen: Counter[str]) -> None:
    """What a week says is what its days said, together."""
    for part in week.parts:
        if part.whole:
            continue
        of_days = [one for day in days for one in day.parts if one.currency == part.currency and not one.whole]
        assert part.movements is not None
        for kind in KINDS:
            amounts = [one.movements.amounts[kind] for one in of_days if one.movements is not None]
            assert part.movements.amounts[kind] == total(amounts, part.currency)
        assert part.active_change == sum(one.active_change for one in of_days)
        assert part.change == total([one.change for one in of_days if one.change is not None], part.currency)
    for name in ("failed", "recovered"):
        sums: dict[str, tuple[Money, int]] = {}
        for amount, count in (pair for day in days for pair in getattr(day, name)):
            before, number = sums.get(amount.currency, (Money(0, amount.currency), 0))
            sums[amount.currency] = before + amount, number + count
        assert {amount.currency: (amount, count) for amount, count in getattr(week, name)} == sums
        seen[name] += sum(count for _, count in sums.values())
    assert week.started == sum(day.started for day in days)
    assert week.ended == sum(day.ended for day in days)
    assert week.cancelled <= sum(day.cancelled for day in days)
    seen["started"] += week.started
