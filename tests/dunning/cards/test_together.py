"""A round and whoever turns the notice off at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from dunning.cards import rounds
from dunning.models import Policy
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.gates import overlap

from .stage import MORNING, stage

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_turns_the_notice_off_while_the_first_round_begins_has_all_forgotten(
    settings: Any, workspace: Workspace
) -> None:
    with stage(settings, workspace) as s:
        s.subscriber()
        s.until(MORNING)

        def turn_off() -> None:
            with scoped_transaction(workspace):
                Policy.objects.filter(workspace=workspace, mode=s.mode).update(card_notice=False)
                rounds.switched(workspace.pk, s.mode, on=False, now=MORNING)

        overlap(s.round, "dunning_cardreading", turn_off)
        assert s.cards() == []
        assert {state for state, _ in s.letters().values()} <= {"skipped"}
