"""What a workspace's plan allows (P5, P16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import Allowance, Tier, allowance

END = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def acme() -> Workspace:
    return Workspace(slug="acme", trial_ends_at=END)


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_without_a_house_everything_is_open(acme: Workspace, settings: Settings, days: int) -> None:
    settings.PQ_HOUSE_WORKSPACE = ""
    open_for_all = Allowance(tier=Tier.SCALE, stripe_integration=True, seats=None, trial_ends_at=None, open=True)
    assert allowance(acme, END + timedelta(days=days)) == open_for_all
    assert open_for_all.name == "Open"


def test_growth_during_the_trial_then_free(acme: Workspace, settings: Settings) -> None:
    settings.PQ_HOUSE_WORKSPACE = "house"
    assert allowance(acme, END - timedelta(microseconds=1)) == Allowance(
        tier=Tier.GROWTH, stripe_integration=True, seats=20, trial_ends_at=END, open=False
    )
    free = allowance(acme, END)
    assert free == Allowance(tier=Tier.FREE, stripe_integration=False, seats=2, trial_ends_at=None, open=False)
    assert free.name == "Free"


def test_the_house_itself_is_open(settings: Settings) -> None:
    settings.PQ_HOUSE_WORKSPACE = "house"
    assert allowance(Workspace(slug="house", trial_ends_at=END), END + timedelta(days=400)).open
