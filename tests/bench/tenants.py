"""Whose events are sent: workspaces with a connection each, and companies of the simulator that live in them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from integrations.stripe.translate.handlers import EVENTS
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.delivery import Parcel, pack
from pqintel.simulator.render import NEWEST, Family
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.signing import signature_header
from pqintel.workspaces.models import Workspace
from tests.factories import ConnectionFactory

from .sender import http_request

START = 1_735_689_600
"""2025-01-01T00:00:00Z, where every company here begins."""


@dataclass(frozen=True)
class Tenant:
    """A workspace with a connection in test mode, and what its Stripe account needs to deliver to it."""

    workspace: Workspace
    connection_id: UUID
    lane: int
    token: str
    secret: str

    @property
    def path(self) -> str:
        return f"/webhooks/stripe/{self.token}/"

    def headers(self, parcel: Parcel) -> dict[str, str]:
        """Those of a delivery of a parcel, signed now."""
        signature = signature_header(parcel.body, [self.secret], int(time.time()))
        return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}

    def request(self, parcel: Parcel) -> bytes:
        """A delivery of a parcel, signed now: it is accepted for five minutes."""
        signature = signature_header(parcel.body, [self.secret], int(time.time()))
        return http_request(self.path, parcel.body, signature)


def open_tenants(count: int, prefix: str = "bench") -> list[Tenant]:
    """New workspaces, connected, without API keys: nothing is ever read for them."""
    tenants = []
    for number in range(count):
        token = secrets.token_urlsafe(32)
        secret = "whsec_" + secrets.token_hex(16)
        connection = ConnectionFactory(
            workspace__slug=f"{prefix}-{number}", token_text=token, webhook_secret=secret, secret_key=None
        )
        tenants.append(Tenant(connection.workspace, connection.pk, connection.lane, token, secret))
    return tenants


def company(seed: int, customers: int, days: int) -> Account:
    """A company that has lived for so many days since `START`."""
    account = Account(seed, START)
    saas_year(account, START + days * DAY, customers)
    return account


def parcels(account: Account, family: Family = NEWEST, *, first: int = 0, count: int | None = None) -> list[Parcel]:
    """Its events of the types that are used, as Stripe writes them (indented): none that is merely ignored."""
    used = [event for event in account.events if event.type in EVENTS]
    chosen = used[first:] if count is None else used[first : first + count]
    return list(pack(chosen, family, pretty=True))


def dealt(hands: Sequence[Sequence[bytes]]) -> list[bytes]:
    """One of each in turn, as deliveries of many accounts arrive."""
    return [hand[number] for number in range(max(map(len, hands))) for hand in hands if number < len(hand)]
