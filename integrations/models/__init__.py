"""Connections to Stripe, what they receive, and what is kept to explain it."""

from .backfill import Backfill
from .connections import (
    MODES,
    Connection,
    ConnectionStatus,
    InboxEvent,
    InboxState,
    Read,
    RefusedDelivery,
    SigningState,
)
from .diagnostics import ChangeKind, ConnectionChange, DeliveryCount, DeliveryLag
from .reconciliation import Drift, Phase, Reconciliation, Suspect
from .recovery import Gap, Recovery

__all__ = [
    "MODES",
    "Backfill",
    "ChangeKind",
    "Connection",
    "ConnectionChange",
    "ConnectionStatus",
    "DeliveryCount",
    "DeliveryLag",
    "Drift",
    "Gap",
    "InboxEvent",
    "InboxState",
    "Phase",
    "Read",
    "Reconciliation",
    "Recovery",
    "RefusedDelivery",
    "SigningState",
    "Suspect",
]
