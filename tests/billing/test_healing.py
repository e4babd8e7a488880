"""Failures and payment states are functions of what events told: whatever somebody writes there by hand is healed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.actions import recalculation
from billing.actions.derived import derive
from billing.actions.rebuild import rebuild
from billing.lanes import lane_of
from billing.models import Failure, Subscription
from billing.modes import Mode
from billing.tasks import recalculate
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import FailureFactory, WorkspaceFactory

from .test_failures import STORY, apply, derived

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def corrupt(workspace: Workspace) -> None:
    """Everything that a hand can do to these rows: change, move to somebody else, take away, add; and to a guest's."""
    Failure.objects.filter(subject="in_1", attempt=1).update(amount=1, code="made_up", happened_at=NOW)
    Failure.objects.filter(subject="in_1", attempt=2).update(customer="cus_zz")
    Failure.objects.filter(subject="in_1", attempt=3).delete()
    Failure.objects.filter(subject="in_2").update(customer=None)
    Failure.objects.filter(subject="pi_9").update(amount=7)
    FailureFactory(workspace=workspace, mode="test", subject="in_1", attempt=9, customer="cus_1", payment_event="evt_x")
    FailureFactory(workspace=workspace, mode="test", subject="in_77", customer="cus_yy", payment_event="evt_y")
    Subscription.objects.update(payment_status="paid", failed_attempts=41, last_paid_at=None)


@pytest.fixture
def broken(workspace: Workspace) -> tuple[Workspace, Any]:
    """A workspace with corrupted rows, and what they were before. Its live mode and another workspace have theirs."""
    other = WorkspaceFactory()
    for one in (workspace, other):
        apply(one, *STORY)
    FailureFactory(workspace=workspace, mode="live", subject="in_5", customer="cus_1", payment_event="evt_live")
    FailureFactory(workspace=other, mode="test", subject="in_5", customer="cus_1", payment_event="evt_other")
    truth = derived(workspace)
    with scoped_transaction(workspace):
        corrupt(workspace)
    assert derived(workspace) != truth
    return workspace, truth


def strangers(workspace: Workspace) -> list[Any]:
    with scoped_transaction(workspace):
        return list(Failure.objects.filter(mode="live").values_list("subject", "payment_event"))


def test_a_rebuild_heals_them_and_says_how_many(broken: tuple[Workspace, Any]) -> None:
    workspace, truth = broken
    with scope(workspace):
        rebuilt = rebuild(workspace.pk, Mode.TEST)
    assert derived(workspace) == truth
    assert (rebuilt.failures, rebuilt.standing) == (7, 1)
    assert strangers(workspace) == [("in_5", "evt_live")]
    with scope(workspace):
        again = rebuild(workspace.pk, Mode.TEST)
    assert (again.failures, again.standing, again.movements, again.rollups) == (0, 0, 0, 0)


def test_a_recalculation_heals_them_too(broken: tuple[Workspace, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, truth = broken
    monkeypatch.setattr(recalculation, "CHUNK", 1)
    with scoped_transaction(workspace):
        recalculation.ask(workspace.pk, "A new rule", NOW, (Mode.TEST,))
    while recalculate(lane_of(workspace.pk, Mode.TEST)):
        pass
    assert derived(workspace) == truth
    assert strangers(workspace) == [("in_5", "evt_live")]


def test_others_are_left_alone(broken: tuple[Workspace, Any]) -> None:
    workspace, _ = broken
    other = Workspace.objects.exclude(pk=workspace.pk).get()
    before = derived(other)
    with scope(workspace):
        rebuild(workspace.pk, Mode.TEST)
    assert derived(other) == before


def test_it_costs_the_same_for_one_customer_and_for_many(
    workspace: Workspace, django_assert_num_queries: Callable[..., Any]
) -> None:
    apply(workspace, *STORY)
    units = ["cus_1", *(f"cus_{n}" for n in range(10, 40)), "pi_9"]
    with scoped_transaction(workspace):
        with django_assert_num_queries(9) as one:
            derive(workspace.pk, "test", ["cus_1"], NOW)
        with django_assert_num_queries(len(one)):
            derive(workspace.pk, "test", units, NOW)
