"""The question whether customers get letters: it is asked on the page of letters, and where Stripe is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.modes import Mode
from dunning.models import LetterPolicy, LetterState

from .forms import AnswerForm
from .outbox import letters_of


@dataclass(frozen=True, slots=True)
class Question:
    """`wanted` None: nobody has answered yet, and so many letters are `held`."""

    mode: Mode
    wanted: bool | None
    answered_by: str
    answered_at: datetime | None
    held: int
    form: AnswerForm


def question_of(workspace_id: int, mode: Mode, form: AnswerForm | None = None) -> Question:
    """The question of one mode, with `form` as it was filled in, if it was. Two queries. Must run in scope."""
    row = LetterPolicy.objects.filter(workspace_id=workspace_id, mode=mode).first()
    if row is None:
        held = letters_of(workspace_id, mode).filter(state=LetterState.HELD).count()
        return Question(mode, None, "", None, held, form or AnswerForm(auto_id=f"{mode}_%s"))
    given = {"wanted": "yes" if row.wanted else "no"}
    asked = form or AnswerForm(initial=given, auto_id=f"{mode}_%s")
    return Question(mode, row.wanted, row.answered_by, row.answered_at, 0, asked)
