"""A simulated company's numbers of every day, as the dashboard computes them, against the simulator's own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from billing.metrics.ledger import ledger
from billing.metrics.periods import Period
from billing.metrics.statement import KINDS, statement
from billing.models import MovementKind
from billing.modes import Mode
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.truth import Truth
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.integrations.living import lessons, teach

pytestmark = pytest.mark.django_db

START = 1_735_689_600  # 2025-01-01
YEAR = 365 * 86_400


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_every_day_of_a_companys_year_to_the_cent(zone: str) -> None:
    account = Account(20_240_229, START)
    saas_year(account, START + YEAR, customers=60)
    workspace = WorkspaceFactory(timezone=zone)
    teach(workspace, lessons(account))
    truth, tz = Truth(account), ZoneInfo(zone)
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(tz).date() for at in (START, account.now))
    with scoped_transaction(workspace):
        read = ledger(workspace.pk, Mode.TEST, Period(first, last))
    closes = truth.daily_mrr(tz)
    moves: Counter[tuple[object, ...]] = Counter()
    sums: dict[tuple[object, ...], Fraction] = {}
    for move in truth.movements(tz):
        kind = MovementKind.INVOLUNTARY_CHURN if move.involuntary else MovementKind(move.kind)
        key = (move.day, move.currency, kind)
        moves[key] += 1
        sums[key] = sums.get(key, Fraction(0)) + move.amount
    assert {book.currency for book in read.books} == {"usd", "eur"}
    checked = 0
    for book in read.books:
        active = 0
        for day, active_then in book.active_by_day():
            today = statement(book.within(Period(day, day)))
            true_mrr = closes.get(day, {}).get(book.currency, Fraction(0))
            assert today.end.rounded().minor == round(true_mrr), day
            for kind in KINDS:
                key = (day, book.currency, kind)
                assert abs(today.amounts[kind].rounded().minor) == round(sums.get(key, Fraction(0))), key
                assert today.moves[kind] == moves[key], key
                checked += moves[key]
            came = moves[day, book.currency, MovementKind.NEW] + moves[day, book.currency, MovementKind.REACTIVATION]
            left = sum(moves[day, book.currency, k] for k in (MovementKind.CHURN, MovementKind.INVOLUNTARY_CHURN))
            active += came - left
            assert active_then == active, day
    assert checked > 150
    end = truth.at()
    for book in read.books:
        assert book.active_at_end == len(end[book.currency].customers)
        assert book.trial_mrr.rounded().minor == round(end[book.currency].trial_mrr)
