"""What a workspace may choose about its numbers: when churn counts, and how long a debt is waited for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.actions import learn, recalculation
from billing.actions.settings import change_settings, settings_of
from billing.models import RULES, DailyRollup, Movement, Recalculation, SyncState
from billing.modes import Mode
from billing.snapshots import Learned
from billing.tasks import recalculate, sweep_recalculations
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.billing.test_learn import T, lesson, sub
from tests.factories import BillingSettingsFactory, WorkspaceFactory

DAY = 86_400
NOW = datetime(2026, 3, 1, tzinfo=UTC)
APRIL_15, JUNE_8, JUNE_15 = (
    int(datetime(2026, m, d, 12, tzinfo=UTC).timestamp()) - T for m, d in ((4, 15), (6, 8), (6, 15))
)
NOTICE = {"cancel_at_period_end": True, "cancel_at": T + JUNE_15}
LIFE = (
    lesson("1", APRIL_15, sub()),
    lesson("2", JUNE_8, sub(**NOTICE), sub()),
    lesson("3", JUNE_15, sub("canceled", **NOTICE, ended_at=T + JUNE_15, cancellation_reason="cancellation_requested")),
)  # fmt: skip


def apply(workspace: Workspace, *lessons: Learned) -> None:
    with scoped_transaction(workspace):
        learn(workspace.pk, Mode.TEST, lessons, NOW)


def moved(workspace: Workspace) -> list[tuple[date, str, Decimal]]:
    with scoped_transaction(workspace):
        rows = Movement.objects.filter(currency="usd", price="").order_by("day")
        return [(row.day, row.kind, row.amount) for row in rows]


@pytest.mark.django_db
@pytest.mark.parametrize(("churn_at", "day"), [("end", date(2026, 6, 15)), ("request", date(2026, 6, 8))])
def test_vector_15_churn_counts_at_the_end_or_at_the_request(churn_at: str, day: date) -> None:
    workspace = BillingSettingsFactory(churn_at=churn_at).workspace
    apply(workspace, *LIFE)
    assert moved(workspace) == [(date(2026, 4, 15), "new", Decimal(1000)), (day, "churn", Decimal(-1000))]


@pytest.mark.django_db
def test_a_withdrawn_cancellation_brings_the_mrr_back() -> None:
    workspace = BillingSettingsFactory(churn_at="request").workspace
    apply(workspace, *LIFE[:2], lesson("w", JUNE_8 + DAY, sub(), sub(**NOTICE)))
    assert [kind for _, kind, _ in moved(workspace)] == ["new", "churn", "reactivation"]


BEHIND = (
    lesson("1", 0, sub()),
    lesson("2", 10 * DAY, sub("past_due"), sub()),
    lesson("3", 14 * DAY, sub("past_due", 2), sub("past_due")),
    lesson("4", 40 * DAY, sub("active", 2), sub("past_due", 2)),
)


@pytest.mark.django_db
@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_a_debt_that_is_paid_in_time_is_no_churn_in_any_order_of_events(order: tuple[int, ...]) -> None:
    workspace = BillingSettingsFactory(past_due_days=30).workspace
    for n in order:
        apply(workspace, BEHIND[n])
    assert moved(workspace) == [
        (date(2026, 1, 1), "new", Decimal(1000)),
        (date(2026, 1, 15), "expansion", Decimal(1000)),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_debt_longer_than_that_is_involuntary_churn_until_it_is_paid(order: tuple[int, ...]) -> None:
    workspace = BillingSettingsFactory(past_due_days=20).workspace
    for n in order:
        apply(workspace, BEHIND[n])
    assert moved(workspace) == [
        (date(2026, 1, 1), "new", Decimal(1000)),
        (date(2026, 1, 15), "expansion", Decimal(1000)),
        (date(2026, 1, 31), "involuntary_churn", Decimal(-2000)),
        (date(2026, 2, 10), "reactivation", Decimal(2000)),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_changed_setting_reaches_what_is_there_and_nobody_elses() -> None:
    workspace, other = WorkspaceFactory(), WorkspaceFactory()
    apply(workspace, *LIFE)
    apply(other, *LIFE)
    before = moved(other)
    with scope(workspace):
        changed = change_settings(workspace, "ada@example.com", churn_at="request")
        assert changed.version == 1
    with scoped_transaction(workspace):
        assert recalculation.open_recalculation(workspace.pk, Mode.TEST) is not None
    assert sweep_recalculations() == 2
    assert recalculate(workspace.pk * 2) is False
    assert moved(workspace)[-1] == (date(2026, 6, 8), "churn", Decimal(-1000))
    assert moved(other) == before
    with scoped_transaction(workspace):
        assert recalculation.open_recalculation(workspace.pk, Mode.TEST) is None
        assert settings_of(workspace.pk).churn_at == "request"
    with scoped_transaction(other):
        assert not Recalculation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_only_matters_when_read_recalculates_nothing() -> None:
    workspace = WorkspaceFactory()
    with scope(workspace):
        assert change_settings(workspace, "ada@example.com", reporting_currency="eur").version == 0
    with scoped_transaction(workspace):
        assert not Recalculation.objects.exists()


@pytest.mark.django_db
def test_movements_cost_three_statements_a_batch_and_none_where_no_worth_changed(workspace: Workspace) -> None:
    apply(workspace, lesson("1", 0, sub()))
    with CaptureQueriesContext(connection) as queries:
        apply(workspace, lesson("2", DAY, sub(quantity=3), sub()))
    mine = [q["sql"] for q in queries if "billing_movement" in q["sql"] or "billing_dailyrollup" in q["sql"]]
    assert len(mine) == 2  # what is stored; what differs, with the daily sums
    renewal = sub(quantity=3, latest_invoice="in_2", current_period_end=T + 5)
    with CaptureQueriesContext(connection) as queries:
        apply(workspace, lesson("3", 2 * DAY, renewal, sub(quantity=3)))
    assert [q["sql"] for q in queries if "billing_movement" in q["sql"]] == []


@pytest.mark.django_db(transaction=True)
def test_after_an_update_of_the_rules_everything_is_computed_again_by_itself() -> None:
    workspace = WorkspaceFactory()
    apply(workspace, *LIFE)
    expected = moved(workspace)
    assert sweep_recalculations() == 0
    with scoped_transaction(workspace):  # as an installation from before there were movements
        Movement.objects.all().delete()
        DailyRollup.objects.all().delete()
        SyncState.objects.update(rules=0)
    assert sweep_recalculations() == 1
    assert recalculate(workspace.pk * 2) is False
    assert moved(workspace) == expected
    with scoped_transaction(workspace):
        assert SyncState.objects.get().rules == RULES
        assert DailyRollup.objects.filter(kind="plan_month").count() == 2  # April and June
    assert sweep_recalculations() == 0
