"""Connections to Stripe, what they receive, and what is kept to explain it; channels, and what is sent to them."""

from .backfill import Backfill
from .channels import Channel, ChannelKind, ChannelState, Delivery, DeliveryState
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
    "Channel",
    "ChannelKind",
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
    "Suspect",
]
