"""Connections, and what came of them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from decimal import Decimal

import factory

from billing.modes import Mode
from integrations import models as integrations

from .base import THEN, TenantFactory


class ConnectionFactory(TenantFactory):
    """A connected account with keys of the right shape, which are nobody's."""

    class Meta:
        model = integrations.Connection

    class Params:
        token_text = factory.LazyFunction(lambda: secrets.token_urlsafe(32))

    mode = Mode.TEST
    status = integrations.ConnectionStatus.CONNECTED
    token = factory.SelfAttribute("token_text")
    token_hash = factory.LazyAttribute(lambda row: hashlib.sha256(row.token_text.encode()).digest())
    publishable_key = factory.LazyAttribute(lambda row: f"pk_{row.mode}_" + "p" * 24)
    secret_key = factory.LazyAttribute(lambda row: f"rk_{row.mode}_" + "r" * 24)
    webhook_secret = factory.LazyFunction(lambda: "whsec_" + "w" * 32)
    account_id = factory.Sequence(lambda n: f"acct_{n:016}")
    connected_at = THEN


class OfConnectionFactory(TenantFactory):
    """A row of a connection; its workspace is the connection's."""

    class Meta:
        abstract = True

    workspace = factory.SelfAttribute("connection.workspace")
    connection = factory.SubFactory(ConnectionFactory)


class InboxEventFactory(OfConnectionFactory):
    class Meta:
        model = integrations.InboxEvent

    mode = factory.SelfAttribute("connection.mode")
    event_id = factory.Sequence(lambda n: f"evt_{n:016}")
    event_type = "invoice.paid"
    received_at = THEN


class RefusedDeliveryFactory(OfConnectionFactory):
    class Meta:
        model = integrations.RefusedDelivery

    reason = "signature"
    hour = THEN
    count = 1
    last_at = THEN


class DeliveryCountFactory(OfConnectionFactory):
    class Meta:
        model = integrations.DeliveryCount

    hour = THEN
    event_type = "invoice.paid"
    api_version = "2026-03-25.dahlia"
    state = "done"
    count = 1
    last_at = THEN


class DeliveryLagFactory(OfConnectionFactory):
    """One within half a second."""

    class Meta:
        model = integrations.DeliveryLag

    hour = THEN
    bucket = 18
    count = 1


class ConnectionChangeFactory(OfConnectionFactory):
    class Meta:
        model = integrations.ConnectionChange

    kind = integrations.ChangeKind.CONNECTED
    fields = factory.LazyFunction(lambda: ["secret_key"])
    by = "ada@example.com"
    at = THEN


class ReadFactory(OfConnectionFactory):
    class Meta:
        model = integrations.Read

    what = "price"
    object_id = factory.Sequence(lambda n: f"price_{n:016}")
    due_at = THEN


class RecoveryFactory(OfConnectionFactory):
    class Meta:
        model = integrations.Recovery

    mode = factory.SelfAttribute("connection.mode")
    read_until = THEN


class GapFactory(OfConnectionFactory):
    """A week that nobody can tell any more."""

    class Meta:
        model = integrations.Gap

    mode = factory.SelfAttribute("connection.mode")
    starts = THEN - timedelta(days=37)
    ends = THEN - timedelta(days=30)
    found_at = THEN


class SilenceFactory(OfConnectionFactory):
    """An hour."""

    class Meta:
        model = integrations.Silence

    mode = factory.SelfAttribute("connection.mode")
    starts = THEN - timedelta(hours=1)
    ends = THEN


class ReconciliationFactory(OfConnectionFactory):
    """Finished; found nothing."""

    class Meta:
        model = integrations.Reconciliation

    mode = factory.SelfAttribute("connection.mode")
    phase = integrations.Phase.FINISHED
    started_at = THEN
    finished_at = THEN + timedelta(minutes=2)


class SuspectFactory(TenantFactory):
    class Meta:
        model = integrations.Suspect

    reconciliation = factory.SubFactory(ReconciliationFactory)
    workspace = factory.SelfAttribute("reconciliation.workspace")
    kind = "invoice"
    object_id = factory.Sequence(lambda n: f"in_{n:014}")
    due_at = THEN


class DriftFactory(TenantFactory):
    """An invoice that is open here and paid at Stripe."""

    class Meta:
        model = integrations.Drift

    reconciliation = factory.SubFactory(ReconciliationFactory)
    workspace = factory.SelfAttribute("reconciliation.workspace")
    mode = factory.SelfAttribute("reconciliation.mode")
    kind = "invoice"
    object_id = factory.Sequence(lambda n: f"in_{n:014}")
    field = "status"
    ours = "open"
    theirs = "paid"
    amount = Decimal(4900)
    currency = "usd"
    found_at = THEN


class BackfillFactory(OfConnectionFactory):
    """One that reads its first list."""

    class Meta:
        model = integrations.Backfill

    mode = factory.SelfAttribute("connection.mode")
    stage = "customer"
