"""Putting into the inbox what was read instead of delivered: in bulk, sealed like any delivery, each event once."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from billing.actions.bulk import fetch
from billing.reacting import READ_PREFIX
from integrations.models import Connection
from pqintel.vault import seal

from .translate import READ

EVENT_PREFIX: Final = READ_PREFIX
"""Begins the id of every event that we make of what was read."""
PAGE_PREFIX: Final = f"{EVENT_PREFIX}page_"
"""Begins that of a whole page of objects."""

# Only what is not there, in any state: a redelivery would arm a quarantined event again, a read must not.
_PUT: Final = """
INSERT INTO integrations_inboxevent
    (workspace_id, connection_id, mode, event_id, body, state, tries, solo_tries, received_at, proves, recovered)
SELECT %s, %s, %s, r.event_id, decode(r.body, 'base64'), 'pending', 0, 0, now(), false, %s
FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (event_id text, body text)) WITH ORDINALITY AS r(event_id, body, n)
ORDER BY r.n
ON CONFLICT (workspace_id, mode, event_id) DO NOTHING
RETURNING event_id
"""
_KNOWN: Final = (
    "SELECT event_id FROM integrations_inboxevent WHERE workspace_id = %s AND mode = %s AND event_id = ANY(%s)"
)


def read_event(mode: str, carried: Mapping[str, Any], asked_at: datetime) -> dict[str, Any]:
    """An object that was read, or a list of them, as one event of the lane. `asked_at` is when the question was put."""
    return {
        "id": f"{EVENT_PREFIX}{uuid4().hex}",
        "object": "event",
        "type": READ,
        "created": int(asked_at.timestamp()),
        "livemode": mode == "live",
        "data": {"object": carried},
    }


def one_by_one(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a page as events of their own, whose ids follow from the page's."""
    return [
        {**page, "id": f"{page['id'].replace(PAGE_PREFIX, EVENT_PREFIX)}_{n}", "data": {"object": each}}
        for n, each in enumerate(page["data"]["object"]["data"])
    ]


def known_ids(workspace_id: int, mode: str, event_ids: Sequence[str]) -> set[str]:
    """Those of the events that the inbox has seen, whatever became of them. One query. Must run in scope."""
    return {row[0] for row in fetch(_KNOWN, (workspace_id, mode, list(event_ids)))}


def put(connection: Connection, events: Sequence[Mapping[str, Any]], *, recovered: bool = False) -> set[str]:
    """Put events into the inbox, in their order. One statement; must run in a transaction in scope. Ring afterwards.

    Args:
        connection: whose lane.
        events: Stripe's own, or made by `read_event`.
        recovered: that they are Stripe's own and were never delivered.

    Returns:
        The ids of those that were not there yet.
    """
    if not events:
        return set()
    place: tuple[int, UUID, str] = (connection.workspace_id, connection.pk, connection.mode)
    rows = [{"event_id": event["id"], "body": _sealed(connection.workspace_id, event["id"], event)} for event in events]
    return {row[0] for row in fetch(_PUT, (*place, recovered, json.dumps(rows)))}


def _sealed(workspace_id: int, event_id: str, event: Mapping[str, Any]) -> str:
    body = json.dumps(event).encode()
    return base64.b64encode(seal(body, "integrations_inboxevent", "body", workspace_id, event_id)).decode()
