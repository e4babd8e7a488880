"""What becomes of letters, told to the billing history: it keeps that for good, also when a letter is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from billing.actions.letters import LetterLine, LetterStep, record_letters
from billing.modes import Mode
from dunning.models import Letter, LetterState

from .kinds import LABELS

_STEPS: Final = {
    LetterState.SENT: LetterStep.SENT,
    LetterState.HELD: LetterStep.HELD,
    LetterState.SKIPPED: LetterStep.SKIPPED,
    LetterState.FAILED: LetterStep.FAILED,
}
"""A letter that waits has no line yet: what becomes of it will be one."""
OWNERS: Final = "the owners of the workspace (test mode)"


def tell(workspace_id: int, mode: Mode, letters: Iterable[Letter], now: datetime) -> None:
    """Write how letters stand since `now` into history; those that wait, and trials, are left out. One statement, none
    where nothing is left. In the transaction that brought it about, in scope."""
    lines = [
        LetterLine(
            letter=str(row.pk),
            name=LABELS[row.kind],
            customer=row.customer,
            cause=row.dedupe_key,
            step=_STEPS[state],
            reason=row.reason,
            to=OWNERS if mode is Mode.TEST and state is LetterState.SENT else "",
            possible_duplicate=row.possible_duplicate,
        )
        for row in letters
        if row.customer and (state := LetterState(row.state)) in _STEPS
    ]
    record_letters(workspace_id, mode, lines, now)
