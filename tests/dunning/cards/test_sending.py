"""A letter about a card is looked at once more before it is sent; and what operators can do by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from billing.modes import Mode
from dunning.cards.reading import newest
from dunning.cards.standing import NO_SUBSCRIPTION, OTHER_CARD, RENEWED, UNPAID
from dunning.letters.checks import refresh
from dunning.models import Card, CardReading
from dunning.tasks import look_at_cards, sweep_cards
from integrations.stripe.cards import ChargedCard
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.factories_dunning import CardFactory, CaseFactory, ExclusionFactory, PolicyFactory

from .stage import MORNING, Stage, stage

pytestmark = pytest.mark.django_db


def written(s: Stage) -> str:
    """Ada's letter is in the outbox."""
    ada, _ = s.subscriber()
    s.until(MORNING)
    s.round()
    return ada


def why_not(s: Stage) -> str:
    with scoped_transaction(s.workspace):
        return refresh(s.letter())


def renewed(s: Stage, ada: str) -> None:
    with scoped_transaction(s.workspace):
        Card.objects.update(exp_year=2031)


def replaced(s: Stage, ada: str) -> None:
    CardFactory(workspace=s.workspace, mode=s.mode, customer=ada, exp_year=2031, charged_at=MORNING + timedelta(days=1))


def ended(s: Stage, ada: str) -> None:
    for subscription in s.account.subscriptions:
        s.account.cancel(subscription)
    s.learn()


def unpaid(s: Stage, ada: str) -> None:
    CaseFactory(workspace=s.workspace, mode=s.mode, customer=ada)


def left_alone(s: Stage, ada: str) -> None:
    ExclusionFactory(workspace=s.workspace, mode=s.mode, value=ada)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (renewed, RENEWED),
        (replaced, OTHER_CARD),
        (ended, NO_SUBSCRIPTION),
        (unpaid, UNPAID),
        (left_alone, "The customer is excluded from dunning."),
    ],
)
def test_what_happened_meanwhile_stops_it(
    settings: Any, workspace: Workspace, what: Callable[[Stage, str], None], reason: str
) -> None:
    with stage(settings, workspace) as s:
        ada = written(s)
        assert why_not(s) == ""
        what(s, ada)
        assert why_not(s) == reason


def test_the_other_mode_stops_nothing(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada = written(s)
        CaseFactory(workspace=workspace, mode=Mode.TEST, customer=ada)
        ExclusionFactory(workspace=workspace, mode=Mode.TEST, value=ada)
        CardFactory(workspace=workspace, mode=Mode.TEST, customer=ada, charged_at=MORNING + timedelta(days=1))
        assert why_not(s) == ""


# What is kept --------------------------------------------------------------------------------------------------------


def test_the_newest_charge_wins_whatever_came_first(settings: Any, workspace: Workspace) -> None:
    def charged(charge: str, hours: int, year: int, payment_method: str = "pm_1") -> ChargedCard:
        at = MORNING + timedelta(hours=hours)
        return ChargedCard("cus_1", payment_method, "visa", "4242", year, 4, charge, at)

    one, two, same_second = charged("ch_a", 0, 2026), charged("ch_b", 1, 2027), charged("ch_c", 1, 2028)
    other = charged("ch_0", 0, 2030, "pm_2")
    for some in ([one, two, same_second, other], [same_second, other, two, one]):
        assert [(row["payment_method"], row["charge"], row["exp_year"]) for row in newest(some)] == [
            ("pm_1", "ch_c", 2028),
            ("pm_2", "ch_0", 2030),
        ]


# Tasks and the command -----------------------------------------------------------------------------------------------


def test_beat_finds_the_lanes_whose_round_is_due(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s, time_machine.travel(MORNING, tick=False):
        s.subscriber()
        s.until(MORNING)
        PolicyFactory(workspace=workspace, mode=Mode.TEST, card_notice=True)  # not connected
        PolicyFactory(workspace=WorkspaceFactory(), mode=Mode.LIVE, card_notice=True)
        assert sweep_cards() == 1
        assert look_at_cards(workspace.pk * 2 + 1) == 1
        assert sweep_cards() == 0
        with scoped_transaction(workspace):
            CardReading.objects.update(due_at=MORNING)
        assert sweep_cards() == 1
        with scoped_transaction(workspace):
            type(s.policy).objects.update(card_notice=False)
        assert sweep_cards() == 0


def command(*options: str) -> str:
    out = StringIO()
    call_command("dunning_run", "acme", "--mode", "live", "--cards", *options, stdout=out)
    return out.getvalue()


def test_the_command_reads_and_writes_now(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s, time_machine.travel(MORNING, tick=False):
        ada, _ = s.subscriber()
        s.until(MORNING)
        assert command("--dry-run") == "0 charges were read.\nNobody is to be told.\n"
        told = json.loads(command("--json"))
        (notice,) = told["notices"]
        assert (told["charges"], told["failure"], notice["customer"], notice["skipped"]) == (3, "", ada, "")
        assert list(s.letters()) == [s.key(ada)]
        assert command() == "0 charges were read.\nNobody is to be told.\n"


def test_the_command_says_why_it_cannot(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s, time_machine.travel(MORNING, tick=False):
        s.stripe.keys.revoke(s.stripe.secret_key)
        with pytest.raises(CommandError, match="Stripe does not accept the key"):
            command()
        with scoped_transaction(workspace):
            type(s.policy).objects.update(card_notice=False)
        with pytest.raises(CommandError, match="The notice about expiring cards is off"):
            command("--json")
