"""The one door: which moves there are, that the others are impossible, and that what was moved is written and told."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db import transaction

from billing.modes import Mode
from billing.owed import DebtState
from dunning.cases import ENDS, MOVES, Desk, Impossible, Move, timeline
from dunning.models import RUNNING, Case, CaseState
from dunning.schedule import Step, StepKind
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN, WorkspaceFactory
from tests.factories_dunning import CaseEntryFactory, CaseFactory

pytestmark = pytest.mark.django_db
NOW = THEN + timedelta(days=4)


@pytest.mark.parametrize(("move", "state"), list(itertools.product(Move, CaseState)))
def test_every_move_from_every_state(workspace: Workspace, move: Move, state: CaseState) -> None:
    case = CaseFactory(workspace=workspace, state=state, closed_at=None if state in RUNNING else THEN)
    with scoped_transaction(workspace):
        desk = Desk(workspace.pk, Mode.TEST, NOW)
        (row,) = desk.load(pk=case.pk)
        if state not in MOVES[move]:
            with pytest.raises(Impossible):
                desk.move(row, move, "It moves.")
            assert desk.entries == []
            return
        desk.move(row, move, "It moves.", key="a key", by="ada@example.com")
        desk.save()
    with scoped_transaction(workspace):
        after = Case.objects.get(pk=case.pk)
        (entry,) = timeline(after)
    assert after.state == MOVES[move][state]
    assert (after.closed_at is None) == (after.state in RUNNING)
    assert (entry.text, entry.key, entry.by, entry.at) == ("It moves.", "a key", "ada@example.com", NOW)
    if after.state not in RUNNING:
        assert (after.closed_at, after.reason, after.next_step, after.next_step_at) == (NOW, "It moves.", None, None)


def test_what_ends_a_case() -> None:
    assert set(ENDS) == set(DebtState) - {DebtState.OWED}
    ends = {move for move, _ in ENDS.values()} | {Move.EXCLUDE, Move.RESOLVE}
    for move in ends:
        assert set(MOVES[move].values()).isdisjoint(RUNNING)
        assert set(RUNNING) <= set(MOVES[move])


def test_downgraded_is_never_taken_back_but_by_an_end() -> None:
    leaving = {
        move for move, moves in MOVES.items() if moves.get(CaseState.DOWNGRADED, CaseState.DOWNGRADED) != "downgraded"
    }
    assert leaving == {Move.RECOVER, Move.LOSE, Move.CANCEL, Move.VOID, Move.EXCLUDE, Move.RESOLVE}


def test_a_desk_locks_and_sees_its_own_place_alone(workspace: Workspace) -> None:
    mine = CaseFactory(workspace=workspace, invoice="in_1")
    CaseFactory(workspace=workspace, invoice="in_1", mode=Mode.LIVE)
    CaseFactory(workspace=WorkspaceFactory(), invoice="in_1")
    CaseEntryFactory(workspace=workspace, invoice="in_1", mode=Mode.LIVE, text="Of the other mode.")
    with scoped_transaction(workspace):
        assert [case.pk for case in Desk(workspace.pk, Mode.TEST, NOW).load(invoice="in_1")] == [mine.pk]
        assert timeline(mine) == []


def test_steps_that_are_done_and_the_one_that_comes_next(workspace: Workspace) -> None:
    case = CaseFactory(workspace=workspace)
    steps = [
        Step(THEN + timedelta(days=3), StepKind.FIRST, "first", THEN),
        Step(THEN + timedelta(days=7), StepKind.SECOND, "second", THEN),
    ]
    with scope(workspace), transaction.atomic():
        desk = Desk(workspace.pk, Mode.TEST, NOW)
        (row,) = desk.load(pk=case.pk)
        desk.finish(row, steps[0])
        desk.finish(row, steps[0])
        desk.plan_next(row, steps)
        desk.save()
    with scoped_transaction(workspace):
        after = Case.objects.get(pk=case.pk)
    assert (after.done, after.next_step, after.next_step_at) == (["first"], "second", THEN + timedelta(days=7))
