"""The credentials of a workspace in one mode: made, drafted, promoted, and shown only as masks.

Every function works inside the workspace's scope and opens its own transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from billing.modes import Mode
from integrations.models import ChangeKind, Connection, ConnectionChange, ConnectionStatus, SigningState
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import current_workspace_id

from .accounts import refuse_conflict
from .freshness import heard

FIELDS: Final = ("publishable_key", "secret_key", "webhook_secret")
PREVIOUS_VALID: Final = timedelta(hours=24)
"""How long a replaced signing secret still verifies: Stripe rolls secrets with as long an overlap."""

_MOVES: Final[dict[str, frozenset[str]]] = {
    ConnectionStatus.NEW: frozenset({ConnectionStatus.NEW, ConnectionStatus.DRAFT, ConnectionStatus.CONNECTED}),
    ConnectionStatus.DRAFT: frozenset({ConnectionStatus.NEW, ConnectionStatus.DRAFT, ConnectionStatus.CONNECTED}),
    ConnectionStatus.CONNECTED: frozenset({ConnectionStatus.NEW, ConnectionStatus.CONNECTED, ConnectionStatus.BROKEN}),
    ConnectionStatus.BROKEN: frozenset({ConnectionStatus.NEW, ConnectionStatus.BROKEN, ConnectionStatus.CONNECTED}),
}


class NotAllowed(Exception):  # noqa: N818 - it names the outcome
    """A connection cannot go from its status to that one."""


def connection_for(workspace: Workspace, mode: Mode) -> Connection:
    """The workspace's connection in a mode; made, with the token of its webhook URL, when there is none. Idempotent."""
    with transaction.atomic():
        token = secrets.token_urlsafe(32)
        return Connection.objects.get_or_create(
            workspace=workspace, mode=mode, defaults={"token": token, "token_hash": token_hash(token)}
        )[0]


def live_is_connected() -> bool:
    """Whether the workspace of the scope has working live credentials. Needs a transaction."""
    live = Connection.objects.filter(mode=Mode.LIVE, status=ConnectionStatus.CONNECTED)
    return live.filter(workspace_id=current_workspace_id()).exists()


def token_hash(token: str) -> bytes:
    """What a token is looked up by: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def webhook_url(connection: Connection) -> str:
    """The absolute URL that Stripe delivers to. Itself a secret, shown to those who configure. Raises SealError."""
    return f"{settings.PQ_BASE_URL}/webhooks/stripe/{connection.token.reveal()}/"


def candidate(connection: Connection, field: str) -> Secret | None:
    """The drafted value, else the working one. Raises SealError."""
    drafted: Secret | None = getattr(connection, f"draft_{field}")
    return drafted if drafted is not None else getattr(connection, field)


def candidates(connection: Connection) -> dict[str, Secret | None]:
    """What would be verified now, by field. Raises SealError."""
    return {field: candidate(connection, field) for field in FIELDS}


def working(connection: Connection) -> dict[str, Secret | None]:
    """What is in use, by field. Raises SealError."""
    return {field: getattr(connection, field) for field in FIELDS}


def has_draft(connection: Connection) -> bool:
    """Whether anything was entered that has not passed its checks yet. Opens nothing."""
    return any(connection.__dict__.get(f"draft_{field}") is not None for field in FIELDS)


def mask(field: str, secret: Secret) -> str:
    """How a stored secret is shown: an API key's prefix and last four, a signing secret's fingerprint."""
    value = secret.reveal()
    if field == "webhook_secret":
        return f"fingerprint {hashlib.sha256(value.encode()).hexdigest()[:8]}"
    return f"{value[:8]}…{value[-4:]}"


def masks(connection: Connection) -> dict[str, str | None]:
    """The masks of what would be verified now, None where nothing is stored. Raises SealError."""
    values = candidates(connection)
    return {field: None if value is None else mask(field, value) for field, value in values.items()}


def locked(connection: Connection) -> Connection:
    """A fresh copy of the row, locked until the transaction ends."""
    return Connection.objects.select_for_update().get(pk=connection.pk)


def save_draft(connection: Connection, given: Mapping[str, Secret], *, by: str = "") -> Connection:
    """Seal the given values beside the working ones; fields that are absent or blank stay what they are.

    `by` is who gave them, as the log of changes shows it; so it is for the functions below.
    """
    with transaction.atomic():
        row = locked(connection)
        entered = {field: given[field] for field in FIELDS if given.get(field)}
        for field, value in entered.items():
            setattr(row, f"draft_{field}", value)
        if entered and row.status == ConnectionStatus.NEW:
            move(row, ConnectionStatus.DRAFT)
        row.save(update_fields=["status", *(f"draft_{field}" for field in entered)])
        if entered:
            note(row, ChangeKind.ENTERED, by, entered)
        return row


def promote(connection: Connection, account_id: str | None, now: datetime | None = None, *, by: str = "") -> Connection:
    """Make the drafts the working credentials. The signing secret they replace stays valid for 24 h.

    Raises:
        AccountConflict: the account is connected elsewhere, is another one than before, or is one too many.
    """
    now = now or timezone.now()
    with transaction.atomic():
        with database.cursor() as cursor:  # one promotion at a time, so that no account is connected twice
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('pqintel: promote a connection', 0))")
        row = locked(connection)
        refuse_conflict(row, account_id)
        replaced = _take_over(row, now)
        changed = bool(replaced) or row.status != ConnectionStatus.CONNECTED
        move(row, ConnectionStatus.CONNECTED)
        row.connected_at = row.connected_at or now
        row.account_id = account_id or row.account_id
        row.save()
        if changed:
            note(row, ChangeKind.CONNECTED, by, replaced)
        return row


def disconnect(connection: Connection, *, by: str = "") -> Connection:
    """Forget all credentials, also unreadable ones, and give the connection a new URL. What was received stays.

    The account may then be connected in another workspace; this one keeps to it, because it holds its data.
    """
    now = timezone.now()
    with transaction.atomic():
        row = locked(connection)
        heard(row.workspace_id, row.pk, now, now)  # nobody listens any more: whatever silence there was is over
        for field in FIELDS:
            setattr(row, field, None)
            setattr(row, f"draft_{field}", None)
        row.previous_webhook_secret = row.previous_valid_until = row.connected_at = row.signing_at = None
        row.signing_state, row.checks, row.next_check, row.looked = SigningState.UNPROVEN, [], "", None
        token = secrets.token_urlsafe(32)
        row.token, row.token_hash = token, token_hash(token)
        move(row, ConnectionStatus.NEW)
        row.save()
        note(row, ChangeKind.DISCONNECTED, by)
        return row


def note(row: Connection, kind: ChangeKind, by: str, fields: Collection[str] = ()) -> None:
    """Add a line to the log of a connection's changes: names of fields, never values. In the caller's transaction."""
    ConnectionChange.objects.create(
        workspace_id=row.workspace_id, connection=row, kind=kind, fields=sorted(fields), by=by
    )


def move(row: Connection, status: ConnectionStatus) -> None:
    """Change the status of a locked row; the caller saves. Raises NotAllowed."""
    if status not in _MOVES[row.status]:
        raise NotAllowed(f"{row.status} -> {status}")
    row.status = status


def _take_over(row: Connection, now: datetime) -> list[str]:
    """Make the drafts the working values; the names of those that were entered."""
    entered: Secret | None = row.draft_webhook_secret
    working: Secret | None = row.webhook_secret
    if entered is not None and entered != working:
        if working is not None:
            row.previous_webhook_secret, row.previous_valid_until = working, now + PREVIOUS_VALID
        row.signing_state, row.signing_at = SigningState.UNPROVEN, now
    drafts = {field: drafted for field in FIELDS if (drafted := getattr(row, f"draft_{field}")) is not None}
    for field, drafted in drafts.items():
        setattr(row, field, drafted)
        setattr(row, f"draft_{field}", None)
    return list(drafts)
