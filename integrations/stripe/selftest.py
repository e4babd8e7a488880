"""The signed test event of Save & Verify: made by us, sent through the public webhook URL, processed by a worker.

It proves the URL, the proxy in front of it, the inbox and the workers. It cannot prove the signing secret, because only
Stripe signs with that: it is signed with a secret of its own, which the webhook accepts for test events alone.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.modes import Mode
from integrations.models import Connection
from pqintel.vault import ring

SELFTEST_PREFIX: Final = "evt_pqtest_"
"""Begins the id of every test event; Stripe's own ids hold no underscore after `evt_`."""

SELFTEST_TYPE: Final = "pqintel.selftest"


def selftest_secrets(connection_id: UUID) -> tuple[bytes, ...]:
    """The secrets that may sign a connection's test events, one per key of the ring, the active key's first.

    Several, because during a rotation the processes do not all have the same active key.
    """
    return ring().derive("selftest", connection_id)


def selftest_secret(connection_id: UUID) -> bytes:
    """The secret that signs a connection's test events now."""
    return selftest_secrets(connection_id)[0]


def build_event(connection: Connection, now: datetime) -> tuple[str, bytes]:
    """A test event of this moment: its id, fresh each time, and its body as it is sent. Teaches nothing."""
    event_id = SELFTEST_PREFIX + secrets.token_hex(12)
    event = {
        "id": event_id,
        "object": "event",
        "api_version": None,
        "created": int(now.timestamp()),
        "data": {"object": {"object": SELFTEST_TYPE}},
        "livemode": connection.mode == Mode.LIVE,
        "pending_webhooks": 0,
        "request": None,
        "type": SELFTEST_TYPE,
    }
    return event_id, json.dumps(event).encode()
