"""A workspace with a connection, and events for it: what tests of the inbox and the drain stand on."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.utils import timezone

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus, InboxEvent
from integrations.stripe.routes import routes
from pqintel.vault import seal, unseal
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

SECOND = 1_767_225_600


@dataclass
class Lane:
    """One connection, its URL and its signing secret."""

    workspace: Workspace
    connection: Connection
    token: str
    secret: bytes

    @property
    def path(self) -> str:
        return f"/webhooks/stripe/{self.token}/"

    @property
    def number(self) -> int:
        return self.connection.lane

    def open(self, row: InboxEvent) -> bytes:
        return unseal(bytes(row.body or b""), "integrations_inboxevent", "body", row.workspace_id, row.event_id)

    def put(self, *events: dict[str, Any] | bytes) -> None:
        """Store events as the webhook would, without HTTP."""
        for one in events:
            body = one if isinstance(one, bytes) else json.dumps(one).encode()
            event_id = one["id"] if isinstance(one, dict) else f"sha256:{secrets.token_hex(8)}"
            sealed = seal(body, "integrations_inboxevent", "body", self.workspace.pk, event_id)
            with database.cursor() as cursor:
                cursor.execute(
                    "SELECT inbox_receive(%s, %s, %s, %s, %s, true)",
                    (self.workspace.pk, self.connection.pk, self.connection.mode, event_id, sealed),
                )

    def states(self) -> dict[str, str]:
        """Event id → state."""
        with scoped_transaction(self.workspace):
            return dict(InboxEvent.objects.values_list("event_id", "state"))


def new_lane(slug: str = "acme", mode: Mode = Mode.TEST, **fields: Any) -> Lane:
    """A connected workspace."""
    workspace, _ = Workspace.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
    token, secret = secrets.token_urlsafe(32), "whsec_" + secrets.token_hex(8)
    with scoped_transaction(workspace):
        connection = Connection.objects.create(
            workspace=workspace,
            mode=mode,
            status=ConnectionStatus.CONNECTED,
            token=token,
            token_hash=hashlib.sha256(token.encode()).digest(),
            webhook_secret=secret,
            connected_at=timezone.now(),
            **fields,
        )
    routes.forget()
    return Lane(workspace, connection, token, secret.encode())


def event(event_id: str, kind: str, carried: dict[str, Any], *, at: int = SECOND, **more: Any) -> dict[str, Any]:
    """An event as Stripe would send it."""
    previous = more.pop("previous", None)
    data: dict[str, Any] = {"object": carried}
    if previous is not None:
        data["previous_attributes"] = previous
    return {"id": event_id, "object": "event", "type": kind, "created": at, "livemode": False, "data": data, **more}
