"""What dunning brought in: sums by month, step and decline, in one query; the page; and the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lanes import lane_of
from billing.modes import Mode
from billing.money import Money
from dunning.recovery import Recovered, first_month, recovered
from dunning.tasks import run_cases, sweep_cases
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.factories_dunning import CaseFactory

from .story import Story

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def case(workspace: Workspace, opened: datetime, state: str = "open", days: float | None = None, **more: Any) -> None:
    closed = None if days is None else opened + timedelta(days=days)
    plain = {"mode": Mode.LIVE, "amount": 1000, "opened_at": opened, "state": state, "closed_at": closed}
    CaseFactory(workspace=workspace, **{**plain, **more})


def figures(workspace: Workspace, zone: ZoneInfo = BERLIN) -> dict[str, Recovered]:
    with scoped_transaction(workspace), CaptureQueriesContext(connection) as queries:
        found = recovered(workspace.pk, Mode.LIVE, zone, NOW)
    assert len(queries) == 1
    return {one.currency: one for one in found}


def test_outcomes_by_month_step_and_decline(workspace: Workspace) -> None:
    october = datetime(2026, 10, 5, tzinfo=UTC)
    november = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # November in Berlin
    case(workspace, october, "recovered", 2, last_letter="", decline="soft")
    case(workspace, october, "recovered", 8, last_letter="second", decline="soft", amount=500)
    case(workspace, october, "recovered", 20, last_letter="downgrade", decline="hard")
    case(workspace, october, "lost", 30, last_letter="downgrade", decline="hard", customer="cus_lost", amount=3000)
    case(workspace, october, "canceled", 3, last_letter="first", decline=None, amount=200)
    case(workspace, october, "voided", 3, decline="soft")
    case(workspace, november, "open", decline="soft", amount=4000)
    case(workspace, november, "recovered", 1, currency="eur", amount=700)
    found = figures(workspace)
    usd = found["usd"]
    assert list(found) == ["eur", "usd"]
    total = usd.total
    assert (total.recovered, total.lost, total.open, total.aside, total.cases) == (3, 2, 1, 1, 6)
    assert (total.recovered_amount, total.lost_amount, total.open_amount) == (
        Money(2500, "usd"),
        Money(3200, "usd"),
        Money(4000, "usd"),
    )
    assert total.rate == Fraction(2500, 9700)
    assert (total.days, total.churned, total.churned_amount) == (8, 1, Money(3000, "usd"))
    assert [(month.label, month.recovered, month.lost, month.open) for month in usd.months] == [
        ("November 2026", 0, 0, 1),
        ("October 2026", 3, 2, 0),
    ]
    assert [(step.label, step.recovered, step.lost) for step in usd.steps] == [
        ("Before any letter", 1, 0),
        ("After the first reminder", 0, 1),
        ("After the second reminder", 1, 0),
        ("After access fell", 1, 1),
    ]
    assert [(decline.label, decline.cases) for decline in usd.declines] == [
        ("Reason not told", 1),
        ("Needs another payment method", 2),
        ("May succeed later", 3),
    ]
    assert [month.label for month in figures(workspace, ZoneInfo("UTC"))["usd"].months] == ["October 2026"]


def test_only_the_last_twelve_months_of_this_place(workspace: Workspace) -> None:
    first = first_month(BERLIN, NOW)
    assert first == datetime(2025, 12, 1, tzinfo=BERLIN)
    case(workspace, first, "recovered", 1)
    case(workspace, first - timedelta(seconds=1), "recovered", 1)
    case(workspace, NOW, "recovered", 1, mode=Mode.TEST)
    case(WorkspaceFactory(), NOW, "recovered", 1)
    assert figures(workspace)["usd"].total.recovered == 1


def test_nothing_yet(workspace: Workspace, viewer_client: Client) -> None:
    assert figures(workspace) == {}
    assert "Nothing was dunned yet" in viewer_client.get("/w/acme/live/dunning/recovery/").content.decode()


def test_the_page(workspace: Workspace, viewer_client: Client) -> None:
    case(workspace, datetime.now(UTC) - timedelta(days=9), "recovered", 4.25, amount=4900)
    page = viewer_client.get("/w/acme/live/dunning/recovery/").content.decode()
    assert "$49.00, 1 invoice" in page
    assert "4.3 days (the median)" in page
    assert "100.00% of what failed came back" in page


# The command ---------------------------------------------------------------------------------------------------------
def run(*arguments: str) -> str:
    out = StringIO()
    call_command("dunning_run", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_does_what_is_due_and_says_so(workspace: Workspace) -> None:
    story = Story(workspace)
    days = (datetime.now(UTC) - story.at(0)) / timedelta(days=1)
    story.fail(days - 7.01, code="stolen_card", learnt=days - 7)
    place = ("acme", "--mode", "live")
    dry = json.loads(run(*place, "--dry-run", "--json"))
    assert (dry["dry_run"], [line["text"] for line in dry["lines"]]) == (
        True,
        ["Letter: the payment failed: skipped, too old.", "Second reminder."],
    )
    assert "in_1  Second reminder." in run(*place)
    assert run(*place) == "Nothing is due.\n"
    assert json.loads(run(*place, "--json")) == {"dry_run": False, "lines": [], "waiting_for_lane": 0}


def test_the_command_refuses(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="Stripe is not connected") as refusal:
        run("acme", "--mode", "live")
    assert refusal.value.returncode == 1
    with pytest.raises(CommandError, match="There is no workspace 'nobody'") as refusal:
        run("nobody", "--mode", "live")
    assert refusal.value.returncode == 2


# Tasks ---------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_sweep_rings_for_lanes_with_steps_that_are_due(workspace: Workspace) -> None:
    now = datetime.now(UTC)
    story = Story(workspace)
    days = (now - story.at(0)) / timedelta(days=1)
    story.fail(days - 3.01, learnt=days - 3, following=days + 1)
    CaseFactory(workspace=workspace, mode=Mode.TEST, next_step_at=now + timedelta(hours=1))
    CaseFactory(workspace=WorkspaceFactory(), mode=Mode.TEST, next_step_at=now, closed_at=now)
    CaseFactory(workspace=WorkspaceFactory(), mode=Mode.TEST, next_step_at=now, paused_at=now)
    assert sweep_cases() == 1
    assert run_cases(lane_of(workspace.pk, Mode.LIVE)) == 1
    assert [kind for _, kind in story.kinds()] == ["reminder_1"]
    assert sweep_cases() == 0
