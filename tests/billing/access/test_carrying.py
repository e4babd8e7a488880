"""Changes of the rules that wait for others, and what was decided meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from billing import tasks
from billing.actions.access import carrying
from billing.actions.access.carrying import carry_out
from billing.actions.access.due import recompute_all
from billing.actions.access.proposals import EditTier, Grant, Proposal, Revoke, SetPolicy
from billing.lanes import lane_of
from billing.models import AccessOverride, OverrideEffect, Recalculation
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.gates import overlap

from .cases import access, told

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def grant(tier: str) -> Grant:
    return Grant(Mode.TEST, "cus_1", OverrideEffect.EXACTLY, tier, {}, None, "a trial", None)


def carried(workspace: Workspace, proposal: Proposal, seconds: float = 0) -> bool:
    with scope(workspace):
        return carry_out(workspace.pk, proposal, "ada@example.com", NOW + timedelta(seconds=seconds))


def recomputed(workspace: Workspace) -> int:
    """How many rows a recomputation changes."""
    with scope(workspace), hold_lane(lane_of(workspace.pk, Mode.TEST)):
        return recompute_all(workspace.pk, Mode.TEST, "")[1]


@contextmanager
def busy(workspace: Workspace, seconds: float | None = None) -> Iterator[None]:
    """A worker holds the test lane: so long, or as long as the block lasts."""
    held, over = threading.Event(), threading.Event()

    def work() -> None:
        with scope(workspace), hold_lane(lane_of(workspace.pk, Mode.TEST)) as had:
            assert had
            held.set()
            over.wait(60 if seconds is None else seconds)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert held.wait(60)
    try:
        yield
    finally:
        over.set()
        worker.join()


def test_a_change_that_was_asked_for_before_an_override_reaches_its_customer(workspace: Workspace) -> None:
    """It waited for the lane while somebody else decided: what the tier gives is what it gives now."""
    carried(workspace, grant("scale"), 1)
    carried(workspace, EditTier("scale", "Scale", 30, {"projects": 7}, 3, False), 0)
    answer = access(workspace)
    assert (answer.tier, answer.limit("projects"), answer.allows("api_access"), answer.seats) == ("scale", 7, False, 3)
    carried(workspace, Revoke(Mode.TEST, "cus_1"), 5)
    carried(workspace, SetPolicy(None, None), 4)
    assert access(workspace).tier is None
    assert [line[0] for line in told(workspace)] == [
        "access.granted",
        "access.changed",
        "access.downgraded",
        "access.lost",
    ]
    assert recomputed(workspace) == 0


def test_who_waits_for_the_lane_decides_after_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 30)
    carried(workspace, grant("growth"))
    with busy(workspace, 0.8):
        began = time.monotonic()
        assert carried(workspace, grant("scale")) is True
        took = time.monotonic() - began
    with scoped_transaction(workspace):
        first, second = AccessOverride.objects.order_by("id")
    assert first.created_at == NOW
    assert timedelta(seconds=carrying.PAUSE_SECONDS) <= second.created_at - NOW <= timedelta(seconds=took)
    assert first.revoked_at == second.created_at


def test_of_two_overrides_that_are_granted_at_once_one_runs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lane is busy, so neither has it."""
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 0.1)
    with busy(workspace):
        answers = overlap(
            lambda: carried(workspace, grant("growth")),
            "billing_accessoverride",
            lambda: carried(workspace, grant("scale")),
        )
    assert answers == (False, False)
    with scoped_transaction(workspace):
        assert [o.tier for o in AccessOverride.objects.filter(revoked_at=None)] == ["scale"]
        assert Recalculation.objects.filter(mode=Mode.TEST, done_at=None).exists()
    while tasks.recalculate(lane_of(workspace.pk, Mode.TEST)):
        pass
    assert (access(workspace).tier, recomputed(workspace)) == ("scale", 0)
