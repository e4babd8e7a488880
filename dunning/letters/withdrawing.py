"""Invoices that waiting letters are to ask for no more: paid, voided, or left alone by decision of a person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from billing.actions.bulk import unique
from billing.modes import Mode
from billing.owed import debts
from dunning.models import Letter, LetterState

from . import outbox
from .checks import ask_for, numbers_of
from .kinds import CHASING


def withdraw(
    workspace_id: int, mode: Mode, customers: Collection[str], invoices: Collection[str], reason: str, now: datetime
) -> None:
    """Let what waits or is held for these customers ask for these invoices no more.

    A letter that asks for nothing else is skipped, for that reason; one that asks for others too goes on with them.
    Eight statements at most, two where nothing waits. What a sender has in its hands at that moment may still go out.
    Must run in scope and a transaction.
    """
    gone = set(invoices)
    outbox.before_answers(workspace_id, mode)
    undecided = outbox.letters_of(workspace_id, mode).filter(
        customer__in=customers, kind__in=CHASING, state__in=(LetterState.WAITING, LetterState.HELD)
    )
    rows = [row for row in undecided.order_by("id").select_for_update() if gone & set(row.invoices)]
    rest = unique(invoice for row in rows for invoice in row.invoices if invoice not in gone)
    known = debts(workspace_id, mode, rest) if rest else {}
    numbers = numbers_of(workspace_id, mode, rest) if rest else {}
    over, going_on = [], []
    for row in rows:
        owed = [known[i] for i in row.invoices if i not in gone and i in known and known[i].owed]
        if owed:
            ask_for(row, owed, numbers)
            going_on.append(row)
        else:
            over.append(row.pk)
    if over:
        outbox.skip(workspace_id, mode, outbox.letters_of(workspace_id, mode).filter(pk__in=over), reason, now)
    Letter.objects.bulk_update(going_on, ("invoices", "facts", "pages", "payment_url"))
