"""How cases end: whatever is still on its way stops, and who was told of the trouble hears that it is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from billing.actions.access.holding import lift

from . import letters, mailing, telling
from .cases import ENDS, Desk, Move
from .known import Known
from .letters import LetterKind
from .mailing import Mailing
from .models import Case, CaseState, EntryKind, Policy
from .terms import Excluded
from .wording import words_for


class Ending(NamedTuple):
    """A case that ends, by which move and why, in words; `by` is a person, or empty."""

    case: Case
    move: Move
    text: str
    by: str = ""


def ending_of(case: Case, known: Known, excluded: Excluded) -> Ending | None:
    """What ends a case now, if anything does: its invoice is not owed any more, or somebody excluded it."""
    if not known.debt.owed:
        move, text = ENDS[known.debt.state]
        return Ending(case, move, text)
    if why := excluded.why_case(case):
        return Ending(case, Move.EXCLUDE, why)
    return None


def close(
    desk: Desk,
    endings: Sequence[Ending],
    known: Mapping[str, Known],
    policy: Policy,
    *,
    late: Collection[str] = (),
    lane_held: bool = False,
) -> None:
    """End cases. A fixed number of statements, however many there are; none where there are none.

    Whoever was written to, or lost access, gets a letter once they have paid; the team hears of it where it was told of
    the trouble. Access that is held back by decision of ours comes back; where the invoice was paid, billing has
    given it back.

    Args:
        late: invoices of which this was learnt too late to disturb anybody with it.
        lane_held: whether the caller holds the lane of the workspace and mode.
    """
    if not endings:
        return
    for case, move, text, by in endings:
        desk.move(case, move, text, by=by)
    cases = [ending.case for ending in endings]
    mailing.stop(desk.workspace_id, desk.mode, cases, cases[0].reason, desk.now)
    by = next((ending.by for ending in endings if ending.by), "Dunning")
    freed = [c.invoice for c in cases if c.downgraded_at and c.state in (CaseState.EXCLUDED, CaseState.RESOLVED)]
    lift(desk.workspace_id, desk.mode, freed, by, desk.now, lane_held=lane_held)
    _say_recovered(desk, [c for c in cases if c.state == CaseState.RECOVERED], known, policy, late)


def _say_recovered(
    desk: Desk, cases: Sequence[Case], known: Mapping[str, Known], policy: Policy, late: Collection[str]
) -> None:
    noticed = [case for case in cases if case.last_letter_at or case.escalated_at or case.downgraded_at]
    for case in noticed:
        if case.invoice in late:
            desk.note(case, EntryKind.SKIPPED, "Nobody is told of the payment: skipped, too old.")
    noticed = [case for case in noticed if case.invoice not in late]
    if not noticed:
        return
    words = words_for(desk.workspace_id, desk.mode, noticed)
    written = _written_to(desk, [case for case in noticed if case.last_letter_at])
    of_customer: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(written, key=lambda case: (case.opened_at, case.invoice)):
        of_customer[case.customer].append(case)
    mails = [Mailing(LetterKind.RECOVERED, tuple(some), "recovered") for some in of_customer.values()]
    mailing.mail(desk.workspace_id, desk.mode, mails, known, words, desk.now)
    for letter in mails:
        for case in letter.cases:
            desk.note(case, EntryKind.LETTER, f"{mailing.NAMES[letter.kind]}.", key=letter.key)
    told = [case for case in noticed if case.escalated_at or case.downgraded_at]
    keys = telling.tell(telling.RECOVERED, policy, told, known, words, desk.mode, desk.now)
    for case in told:
        if case.invoice in keys:
            desk.note(case, EntryKind.TOLD, "The team was told of the payment.", key=keys[case.invoice])


def _written_to(desk: Desk, cases: Sequence[Case]) -> list[Case]:
    """Those of some cases with letters whose customers know of the trouble: a letter may never have gone out, because
    the mail server was down or nobody had answered whether there are to be any. One query, none for no cases."""
    if not cases:
        return []
    customers, invoices = {case.customer for case in cases}, {case.invoice for case in cases}
    asked = letters.asked_for(desk.workspace_id, desk.mode, customers, invoices, under_way=True)
    found = []
    for case in cases:
        if case.invoice in asked or case.downgraded_at:
            found.append(case)
        else:
            name = mailing.NAMES[LetterKind.RECOVERED]
            desk.note(case, EntryKind.SKIPPED, f"{name}: skipped, no letter had gone out.")
    return found
