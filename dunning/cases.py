"""The one door to cases: guard, change, record, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from billing.actions.bulk import Table, run, text, typed
from billing.modes import Mode
from billing.owed import DebtState

from . import schedule
from .known import Known
from .models import RUNNING, Case, CaseEntry, CaseState, EntryKind
from .schedule import SETTLES, Step


class Move(StrEnum):
    """What can happen to a case."""

    FAIL = "fail"
    REMIND = "remind"
    ESCALATE = "escalate"
    WARN = "warn"
    DOWNGRADE = "downgrade"
    PAUSE = "pause"
    GO_ON = "go_on"
    RECOVER = "recover"
    LOSE = "lose"
    CANCEL = "cancel"
    VOID = "void"
    EXCLUDE = "exclude"
    RESOLVE = "resolve"
    REOPEN = "reopen"


_S = CaseState
_STAYS: Final = {state: state for state in RUNNING}
MOVES: Final[Mapping[Move, Mapping[CaseState, CaseState]]] = {
    Move.FAIL: _STAYS,
    Move.PAUSE: _STAYS,
    Move.GO_ON: _STAYS,
    Move.REMIND: {
        _S.OPEN: _S.REMINDING,
        _S.REMINDING: _S.REMINDING,
        _S.ESCALATED: _S.ESCALATED,
        _S.FINAL: _S.FINAL,
    },
    Move.ESCALATE: {
        _S.OPEN: _S.ESCALATED,
        _S.REMINDING: _S.ESCALATED,
        _S.FINAL: _S.FINAL,
        _S.DOWNGRADED: _S.DOWNGRADED,
    },
    Move.WARN: {_S.OPEN: _S.FINAL, _S.REMINDING: _S.FINAL, _S.ESCALATED: _S.FINAL},
    Move.DOWNGRADE: dict.fromkeys((_S.OPEN, _S.REMINDING, _S.ESCALATED, _S.FINAL), _S.DOWNGRADED),
    # Money may come after all: by the link of an old letter, for a subscription that is long over.
    Move.RECOVER: dict.fromkeys((*RUNNING, _S.LOST, _S.CANCELED), _S.RECOVERED),
    Move.LOSE: dict.fromkeys(RUNNING, _S.LOST),
    Move.CANCEL: dict.fromkeys(RUNNING, _S.CANCELED),
    Move.VOID: dict.fromkeys(RUNNING, _S.VOIDED),
    Move.EXCLUDE: dict.fromkeys(RUNNING, _S.EXCLUDED),
    Move.RESOLVE: dict.fromkeys(RUNNING, _S.RESOLVED),
    Move.REOPEN: {_S.EXCLUDED: _S.OPEN},
}
"""Move → from which state to which. Whatever stands not here is impossible."""

ENDS: Final[Mapping[DebtState, tuple[Move, str]]] = {
    DebtState.PAID: (Move.RECOVER, "The invoice was paid."),
    DebtState.VOIDED: (Move.VOID, "The invoice was voided."),
    DebtState.NOT_DUE: (Move.VOID, "Nothing of the invoice is due any more."),
    DebtState.WRITTEN_OFF: (Move.LOSE, "The invoice was written off."),
    DebtState.LOST: (Move.LOSE, "Stripe ended the subscription because the payment failed."),
    DebtState.CANCELLED: (Move.CANCEL, "The subscription ended."),
    DebtState.CUSTOMER_DELETED: (Move.CANCEL, "The customer was deleted."),
    DebtState.NOT_BEGUN: (Move.RESOLVE, "The subscription has not begun: its first payment has not succeeded."),
}
"""What becomes of a case whose invoice is not owed any more, and why, in words."""

_KINDS: Final = {
    Move.FAIL: EntryKind.FAILED,
    Move.REMIND: EntryKind.LETTER,
    Move.WARN: EntryKind.LETTER,
    Move.ESCALATE: EntryKind.TOLD,
    Move.DOWNGRADE: EntryKind.DOWNGRADED,
    Move.PAUSE: EntryKind.PAUSED,
    Move.GO_ON: EntryKind.RESUMED,
    Move.REOPEN: EntryKind.OPENED,
}
_INSTANTS: Final = (
    "opened_at",
    "settles_at",
    "next_attempt_at",
    "next_step_at",
    "last_letter_at",
    "escalated_at",
    "downgraded_at",
    "paused_at",
    "closed_at",
)
_CASES: Final = Table(
    "dunning_case",
    (
        *text("invoice", "number", "customer", "subscription", "tier", "currency", "state", "reason", "decline"),
        *text("next_step", "last_letter"),
        *typed("bigint", "amount"),
        *typed("integer", "attempts"),
        *typed("jsonb", "plan", "texts"),
        *typed("text[]", "done"),
        *typed("timestamptz", *_INSTANTS),
    ),
    key=("invoice",),
)
_ENTRIES: Final = Table(
    "dunning_caseentry",
    (*text("invoice", "kind", "text", "key", "by"), *typed("timestamptz", "at")),
    keep=True,
)


class Impossible(ValueError):  # noqa: N818 - it names the outcome
    """A case cannot make this move; the words say so."""


@dataclass
class Desk:
    """Some cases of one workspace and mode, locked, and what is done to them; `save` writes it, in two statements.

    Everything happens at `now`. To be used in a transaction, in scope.
    """

    workspace_id: int
    mode: Mode
    now: datetime
    entries: list[dict[str, Any]] = field(default_factory=list)
    _changed: dict[str, Case] = field(default_factory=dict)

    def load(self, **where: Any) -> list[Case]:
        """Lock and read cases, always in the same order, so that nobody waits for each other in a ring."""
        rows = Case.objects.filter(workspace_id=self.workspace_id, mode=self.mode, **where)
        return list(rows.order_by("pk").select_for_update())

    def open(self, case: Case, text: str) -> None:
        """Put a new case on the desk. Its invoice must have none."""
        self._changed[case.invoice] = case
        self.note(case, EntryKind.OPENED, text)

    def move(self, case: Case, move: Move, text: str, *, key: str = "", by: str = "") -> None:
        """Make a move and note it.

        Raises:
            Impossible: the case is in a state that does not allow it.
        """
        after = MOVES[move].get(CaseState(case.state))
        if after is None:
            raise Impossible(_refusal(case, move))
        case.state = after
        match move:
            case Move.ESCALATE:
                case.escalated_at = self.now
            case Move.DOWNGRADE:
                case.downgraded_at = self.now
            case Move.PAUSE:
                case.paused_at = self.now
            case Move.GO_ON:
                case.paused_at = None
            case Move.REOPEN:
                case.closed_at, case.reason = None, ""
                case.settles_at = self.now + SETTLES
            case _ if after not in RUNNING:
                case.closed_at, case.reason = self.now, text
                case.next_step = case.next_step_at = case.paused_at = None
        self.note(case, _KINDS.get(move, EntryKind.CLOSED), text, key=key, by=by)

    def learn(self, case: Case, known: Known) -> list[Step]:
        """Bring a running case in line with what is known of its invoice; its steps as they are from now on."""
        before = self._learnt(case)
        if known.count > case.attempts:
            self.move(case, Move.FAIL, f"Attempt {known.count} failed.")
        case.attempts, case.next_attempt_at, case.number = known.count, known.next_attempt, known.number
        case.decline = known.decline or case.decline
        if known.attempts:  # an earlier one may have become known later
            case.opened_at = known.attempts[0].at
        if self._learnt(case) != before:
            self._changed[case.invoice] = case
        steps = schedule.steps(case.terms, known.course(case.settles_at)) if known.attempts else []
        self.plan_next(case, steps)
        return steps

    @staticmethod
    def _learnt(case: Case) -> tuple[Any, ...]:
        return case.attempts, case.next_attempt_at, case.number, case.decline, case.opened_at

    def note(self, case: Case, kind: EntryKind, text: str, *, key: str = "", by: str = "") -> None:
        """Add a line to a case's timeline."""
        self._changed[case.invoice] = case
        line = {"invoice": case.invoice, "kind": str(kind), "text": text, "key": key, "by": by}
        self.entries.append({**line, "at": self.now.isoformat()})

    def finish(self, case: Case, step: Step) -> None:
        """Note that a step was decided, whatever was decided."""
        self._changed[case.invoice] = case
        if step.key not in case.done:
            case.done = [*case.done, step.key]

    def plan_next(self, case: Case, steps: Iterable[Step]) -> None:
        """Note which step comes next and when."""
        following = schedule.upcoming(steps, case.done) if case.runs else None
        what = (None, None) if following is None else (str(following.kind), following.at)
        if (case.next_step, case.next_step_at) != what:
            case.next_step, case.next_step_at = what
            self._changed[case.invoice] = case

    def save(self) -> None:
        """Write what changed."""
        place = self.workspace_id, str(self.mode)
        _CASES.write(*place, [_row(case) for _, case in sorted(self._changed.items())])
        if self.entries:
            run(_ENTRIES.statement, (*place, json.dumps(self.entries)))
        self._changed.clear()


def timeline(case: Case, most: int | None = None) -> list[CaseEntry]:
    """A case's entries, the newest first, `most` of them. One query, in scope."""
    rows = CaseEntry.objects.filter(workspace_id=case.workspace_id, mode=case.mode, invoice=case.invoice)
    return list(rows.order_by("-pk")[:most])


def _refusal(case: Case, move: Move) -> str:
    state = case.get_state_display().lower()
    return f"This is not possible ({move}) while the case is {state}." if case.runs else f"The case is closed: {state}."


def _row(case: Case) -> dict[str, Any]:
    row = {column.name: getattr(case, column.name) for column in _CASES.columns}
    for name in _INSTANTS:
        row[name] = None if row[name] is None else row[name].isoformat()
    return row
