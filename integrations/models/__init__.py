"""Connections to Stripe, what they receive, and what is kept to explain it; channels, and what is sent to them."""

from .backfill import Backfill
from .channels import Channel, ChannelKind, ChannelOutage, ChannelState, Delivery, DeliveryState
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
from .recovery import SILENT_AFTER, Gap, Recovery, Silence

__all__ = [
    "MODES",
    "SILENT_AFTER",
    "Backfill",
    "ChangeKind",
    "Channel",
    "ChannelKind",
    "ChannelOutage",
    "ChannelState",
    "Connection",
    "ConnectionChange",
    "ConnectionStatus",
    "Delivery",
    "DeliveryCount",
    "DeliveryLag",
    "DeliveryState",
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
    "Silence",
    "Suspect",
]
