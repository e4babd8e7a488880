"""Save & Verify: named checks, one after another, each its own line with a remedy.

`begin` starts a run, `run_next` does one step of it, `run_all` the rest. The page steps, the command runs all. A step
reads the database, closes the transaction, asks Stripe, and writes what it found in another one: no HTTP inside a
transaction. When nothing failed, the drafts become the working credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction

from integrations.models import ChangeKind, Connection, ConnectionStatus
from integrations.stripe import backfill, connections
from integrations.stripe.accounts import AccountConflict
from pqintel.vault import SealError

from .candidate import Candidate
from .delivery import check_delivery, check_processed
from .endpoint import check_endpoint
from .formats import format_problems, mode_problems
from .keys import check_account, check_formats, check_key, check_mode, check_permissions
from .look import look
from .run import Line, Outcome, Run, State, Subject

__all__ = [
    "CHECKS",
    "UNREADABLE",
    "Line",
    "Outcome",
    "Run",
    "State",
    "Subject",
    "begin",
    "format_problems",
    "look_now",
    "mode_problems",
    "promote_now",
    "run_all",
    "run_next",
]

CHECKS: Final[dict[str, tuple[str, Callable[[Candidate, Run], Outcome]]]] = {
    "formats": ("Key formats", check_formats),
    "mode": ("Keys of one mode", check_mode),
    "key": ("Key accepted by Stripe", check_key),
    "permissions": ("Read permissions", check_permissions),
    "account": ("Account not connected elsewhere", check_account),
    "endpoint": ("Webhook endpoint at Stripe", check_endpoint),
    "delivery": ("Signed test event through the public URL", check_delivery),
    "processed": ("Test event processed by a worker", check_processed),
}
"""In the order in which they run: name → label, check."""

UNREADABLE: Final = Outcome(
    State.FAILED,
    "The stored credentials are unreadable: the key that sealed them is not available.",
    "Whoever runs PQ Intel has to put the encryption key back into PQ_KEYS.",
)


def begin(connection: Connection) -> Connection:
    """Start a run over the drafts where there are any, else over the working credentials. Ends a run under way."""
    with transaction.atomic():
        row = connections.locked(connection)
        subject = Subject.DRAFT if connections.has_draft(row) else Subject.WORKING
        row.looked = None  # what this run finds is newer
        row.save(update_fields=["looked"])
        return _write(row, Run.fresh(subject, {name: label for name, (label, _) in CHECKS.items()}))


def run_next(connection: Connection, *, by: str = "") -> Connection:
    """Do one step of the connection's run, and return the connection as it is then. Must not be in a transaction.

    `by` is who runs it: what follows from the last step is noted under that name.

    Two who step at once do the same check twice; the second answer is dropped, as is one that a new run overtook.
    """
    run = Run.of(connection)
    if run is None or (name := run.next) is None:
        return connection
    try:
        outcome = CHECKS[name][1](Candidate.of(connection), run)
    except SealError:
        outcome = UNREADABLE
    with transaction.atomic():
        row = connections.locked(connection)
        current = Run.of(row)
        if current is None or current.id != run.id or current.next != name:
            return row
        run = current.record(name, outcome)
        _write(row, run)
    return row if run.next is not None else _conclude(row, run, by)


def run_all(connection: Connection, *, by: str = "") -> Connection:
    """Run what is left of the connection's run to its end: up to about half a minute when no worker runs."""
    while (run := Run.of(connection)) is not None and run.next is not None:
        connection = run_next(connection, by=by)
    return connection


def look_now(connection: Connection, now: datetime) -> None:
    """Look at the working credentials again and keep what was found. Changes no status; not in a transaction."""
    look(connection, {name: label for name, (label, _) in CHECKS.items()}, UNREADABLE, now)


def promote_now(connection: Connection, *, by: str = "") -> Connection:
    """Promote the drafts without asking Stripe; for those who vouch for them. Raises AccountConflict."""
    with transaction.atomic():
        row = connections.locked(connection)
        row.checks, row.next_check = [], ""
        row.save(update_fields=["checks", "next_check"])
        return _promoted(row, None, by)


def _promoted(row: Connection, account_id: str | None, by: str) -> Connection:
    """Promote the drafts, and read what the account holds if that has not been done. Raises AccountConflict."""
    row = connections.promote(row, account_id, by=by)
    backfill.start_for(row)
    return row


def _conclude(row: Connection, run: Run, by: str) -> Connection:
    """Draw the consequence of a finished run, if it is still the connection's."""
    with transaction.atomic():
        row = connections.locked(row)
        current = Run.of(row)
        if current is None or current.id != run.id:
            return row
        if not run.failed:
            try:
                with transaction.atomic():
                    return _promoted(row, run.notes.get("account_id"), by)
            except AccountConflict as conflict:  # somebody was faster than this run
                return _write(row, run.record("account", Outcome(State.FAILED, str(conflict), conflict.remedy)))
        if run.subject is Subject.WORKING and run.breaks and row.status == ConnectionStatus.CONNECTED:
            connections.move(row, ConnectionStatus.BROKEN)
            row.save(update_fields=["status"])
            connections.note(row, ChangeKind.BROKEN, by)
        return row


def _write(row: Connection, run: Run) -> Connection:
    row.checks, row.next_check = run.as_json(), run.next or ""
    row.save(update_fields=["checks", "next_check"])
    return row
