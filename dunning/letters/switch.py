"""Dunning that is turned off: letters that its schedule wrote go out no more. Those that a person asked for do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from billing.actions.bulk import unique
from billing.modes import Mode
from dunning.models import CaseEntry, Letter, LetterState
from dunning.terms import policy_of

from . import outbox
from .kinds import CHASING

TURNED_OFF: Final = "Dunning was turned off"


def turn_off(workspace_id: int, mode: Mode, now: datetime) -> int:
    """Skip what the schedule wrote and has not gone out yet; returns how many letters.

    Five statements at most. What a sender has in its hands at that moment may still go out. Must run in scope and a
    transaction, the one that turns dunning off.
    """
    undecided = outbox.letters_of(workspace_id, mode).filter(
        kind__in=CHASING, state__in=(LetterState.WAITING, LetterState.HELD)
    )
    rows = list(undecided.only("dedupe_key", "invoices"))
    asked = _asked_by_people(workspace_id, mode, unique(invoice for row in rows for invoice in row.invoices))
    written = [row.pk for row in rows if row.dedupe_key not in asked]
    return outbox.skip(workspace_id, mode, undecided.filter(pk__in=written), TURNED_OFF, now) if written else 0


def why_off(letter: Letter) -> str:
    """Why a letter that asks for a payment is not wanted any more; "" where it is. Two queries. Must run in scope."""
    mode = Mode(letter.mode)
    if policy_of(letter.workspace_id, mode).enabled:
        return ""
    asked = _asked_by_people(letter.workspace_id, mode, letter.invoices)
    return "" if letter.dedupe_key in asked else TURNED_OFF


def _asked_by_people(workspace_id: int, mode: Mode, invoices: Collection[str]) -> set[str]:
    """The keys of the letters about these invoices that somebody sent by hand. One query."""
    rows = CaseEntry.objects.filter(workspace_id=workspace_id, mode=mode, invoice__in=invoices)
    return set(rows.exclude(key="").exclude(by="").values_list("key", flat=True))
