"""How long letters are remembered: what one said, and to which address, for 90 days; that it was decided, for good.

A letter's row is what keeps it from being decided again, and some are sent once ever (the welcome letter), so the row
stays: which letter it was, about which customer and invoices, what became of it, when and why. Trials are of no use
later and go whole. The billing history keeps its lines about letters too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from billing.modes import Mode
from dunning.models import Letter, LetterState
from pqintel.workspaces.tenancy import everywhere, scope

from . import outbox

LETTERS_KEPT: Final = timedelta(days=90)
UNANSWERED: Final = "Too old: whether customers get letters was not answered in time"
BATCH: Final = 2_000
MOST: Final = 100_000
"""Letters that one run forgets: the next one goes on."""
_NOTHING: Final[dict[str, Any]] = {
    "subject": "",
    "body": "",
    "facts": {},
    "payment_url": None,
    "pages": [],
    "to": "",
    "answer": "",
    "message_id": "",
    "mail": None,
}
"""A letter without what it said and where it went."""


def forget_letters(now: datetime, *, batch: int = BATCH, most: int = MOST) -> int:
    """Wipe what letters said that were decided more than 90 days ago, of all workspaces. Returns how many.

    What may still be sent stays as it is; what is still held by then is skipped. Commits batch by batch; must run
    outside a transaction.

    Args:
        now: aware.
    """
    gone = 0
    for _ in range(0, most, batch):
        with everywhere("letters that are to be forgotten"):
            rows = list(_old(Letter.objects.all(), now).values_list("workspace_id", "id")[:batch])
        of_workspace: dict[int, list[int]] = {}
        for workspace_id, letter in rows:
            of_workspace.setdefault(workspace_id, []).append(letter)
        for workspace_id, letters in of_workspace.items():
            gone += _forget(workspace_id, letters, now)
        if len(rows) < batch:
            break
    return gone


def _old(letters: QuerySet[Letter], now: datetime) -> QuerySet[Letter]:
    """Those whose time is over: for being kept, and for being tried."""
    old = letters.filter(forgotten_at=None, created_at__lt=now - LETTERS_KEPT, give_up_at__lt=now)
    return old.exclude(state=LetterState.WAITING)


def _forget(workspace_id: int, letters: list[int], now: datetime) -> int:
    """Looked at again in the transaction that wipes: somebody may have let one be tried again meanwhile."""
    with scope(workspace_id), transaction.atomic():
        for mode in Mode:
            held = outbox.letters_of(workspace_id, mode).filter(id__in=letters, state=LetterState.HELD)
            outbox.skip(workspace_id, mode, _old(held, now), UNANSWERED, now)
        rows = _old(Letter.objects.filter(workspace_id=workspace_id, id__in=letters), now)
        trials = rows.filter(customer="").delete()[0]
        return trials + rows.update(**_NOTHING, forgotten_at=now)
