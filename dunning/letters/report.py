"""What pages say about letters and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.modes import Mode
from billing.names import customer_labels
from dunning.models import Letter, LetterState

from .outbox import letters_of

PAGE: Final = 30
_TONES: Final = {LetterState.SENT: "good", LetterState.FAILED: "bad", LetterState.HELD: "warn"}


@dataclass(frozen=True, slots=True)
class Line:
    """One letter and its fate. `customer` is Stripe's id, "" for a trial; `at` when it was settled."""

    pk: int
    kind: str
    customer: str
    name: str
    to: str
    state: str
    tone: str
    detail: str
    tries: int
    created_at: datetime
    at: datetime | None
    next_attempt_at: datetime | None
    possible_duplicate: bool


def lines_of(workspace_id: int, mode: Mode, before: int | None) -> tuple[list[Line], int | None]:
    """A page of letters, the newest first, and where the older ones begin (None: there are none). Two queries."""
    rows = letters_of(workspace_id, mode).defer("subject", "body", "facts", "mail")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-id")[: PAGE + 1])
    shown = found[:PAGE]
    names = customer_labels(workspace_id, mode, (row.customer for row in shown))
    lines = [line_of(row, names.get(row.customer, row.customer)) for row in shown]
    return lines, shown[-1].pk if len(found) > PAGE else None


def line_of(row: Letter, name: str) -> Line:
    """A letter to `name` as a line."""
    state = LetterState(row.state)
    return Line(
        pk=row.pk,
        kind=row.get_kind_display(),
        customer=row.customer,
        name=name,
        to=row.to,
        state=state.label,
        tone=_TONES.get(state, ""),
        detail=row.reason or row.answer,
        tries=row.tries,
        created_at=row.created_at,
        at=row.settled_at,
        next_attempt_at=row.next_attempt_at if state == LetterState.WAITING else None,
        possible_duplicate=row.possible_duplicate,
    )
