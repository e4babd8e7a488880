"""Movements and daily sums of whole simulated lives, against the simulator's own: day by day, customer by customer."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Count, Sum

from billing.actions.rebuild import rebuild
from billing.models import BillingSettings, DailyRollup, Movement, Recalculation
from billing.modes import Mode
from pqintel.simulator.account import Account
from pqintel.simulator.render import FAMILIES, Family
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import WorkspaceFactory
from tests.integrations.living import daily, lessons, movements_of, settled, shuffled, teach, true_movements
from tests.soak.comparing import differences, dump

ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles")


def life(seed: int, size: int = 80) -> Account:
    return random_lifecycle(seed, size, customer_discounts=True, stacked_discounts=False)


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(6))
def test_movements_of_a_life_are_those_that_the_simulator_tells(seed: int, zone: str) -> None:
    account = life(seed)
    workspace = WorkspaceFactory(timezone=zone)
    teach(workspace, lessons(account))
    until = datetime.fromtimestamp(account.now, ZoneInfo(zone)).date()
    told = {row for row in movements_of(workspace) if row[0] <= until}
    assert told == true_movements(Truth(account), zone)
    assert len(told) > 10


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_daily_sums_are_the_simulators_mrr_of_every_day(seed: int) -> None:
    account = life(seed)
    workspace = WorkspaceFactory()
    teach(workspace, lessons(account))
    today = datetime.fromtimestamp(account.now, ZoneInfo("UTC")).date()
    closes = daily(workspace, today)
    expected = Truth(account).daily_mrr()
    latest: dict[str, Fraction] = {}
    for day, currencies in sorted(expected.items()):
        latest = closes.get(day, latest)
        assert {c: settled(a) for c, a in latest.items() if a} == {c: settled(a) for c, a in currencies.items() if a}


@pytest.mark.django_db
@pytest.mark.parametrize("family", [FAMILIES[0], FAMILIES[-1]], ids=lambda family: family.version)
def test_order_copies_and_batches_leave_no_trace_in_movements(family: Family) -> None:
    told = lessons(life(21), family)
    one, other = WorkspaceFactory(), WorkspaceFactory()
    teach(one, told, batch=500)
    teach(other, shuffled(told, seed=5, copies=2), batch=37)
    assert differences(dump(one), dump(other)) == []
    assert movements_of(one)


@pytest.mark.django_db
def test_sums_are_those_of_the_ledger_after_any_order() -> None:
    workspace = WorkspaceFactory()
    teach(workspace, shuffled(lessons(life(8)), seed=8), batch=11)
    found, ledger = sums(workspace, DailyRollup), sums(workspace, Movement)
    months = {key: found.pop(key) for key in list(found) if key[3] == "plan_month"}
    assert found == ledger
    expected: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for (day, currency, price, kind), values in ledger.items():
        if kind == "plan":
            key = (day.replace(day=1), currency, price, "plan_month")
            expected[key] = tuple(map(sum, zip(values, expected.get(key, (0, 0, 0, 0)), strict=True)))
    assert months == expected


def sums(workspace: Workspace, model: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    names = ("day", "currency", "price", "kind")
    with scoped_transaction(workspace):
        rows = model.objects.values_list(*names).annotate(
            Sum("amount"), Sum("trial"), Sum("subscribers"), Count("id") if model is Movement else Sum("moves")
        )
        return {tuple(row[:4]): tuple(row[4:]) for row in rows}


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_finds_nothing_to_correct_and_repairs_what_somebody_broke() -> None:
    workspace = WorkspaceFactory()
    teach(workspace, lessons(life(3)))
    before = dump(workspace)
    with scope(workspace):
        rebuilt = rebuild(workspace.pk, Mode.TEST)
    assert (rebuilt.movements, rebuilt.rollups) == (0, 0)
    assert rebuilt.customers > 5
    with scoped_transaction(workspace):
        broken = Movement.objects.filter(price="").exclude(currency="").first()
        assert broken is not None
        broken.amount += 1
        broken.save()
        DailyRollup.objects.filter(pk=DailyRollup.objects.values("pk")[:1]).update(moves=99)
    with scope(workspace):
        rebuilt = rebuild(workspace.pk, Mode.TEST)
    assert (rebuilt.movements, rebuilt.rollups) == (1, 2)  # correcting the ledger carries its difference into the sums
    assert differences(before, dump(workspace)) == []


@pytest.mark.django_db(transaction=True)
def test_a_changed_time_zone_cuts_all_days_anew() -> None:
    from billing.tasks import recalculate
    from pqintel.workspaces.actions.workspaces import change_general

    account = life(4)
    workspace, other = WorkspaceFactory(), WorkspaceFactory(timezone="Asia/Tokyo")
    teach(workspace, lessons(account))
    teach(other, lessons(account))
    with scoped_transaction(workspace):
        change_general(workspace, workspace.name, "Asia/Tokyo")
        assert list(Recalculation.objects.order_by("mode").values_list("mode", "done_at")) == [
            ("live", None),
            ("test", None),
        ]
    while recalculate(workspace.pk * 2):
        pass
    assert differences(dump(workspace) | {"recalculation": []}, dump(other)) == []
    with scoped_transaction(workspace):
        assert Recalculation.objects.get(mode="test").done_at is not None
        assert not BillingSettings.objects.exists()
