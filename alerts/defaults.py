"""The rules that every workspace has from the start, in each mode. What was removed does not come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from billing.actions.gaps import GAP

from .models import RuleKind

EDITION: Final = 2
"""Raise it when a rule is added below, with its own edition: workspaces get what is newer than what they were given."""


@dataclass(frozen=True, slots=True)
class Default:
    """A rule as it is given. Both modes get it unless `live_only`: what belongs to no mode is told once."""

    kind: RuleKind
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "warning"
    cooldown: timedelta = timedelta(0)
    hysteresis: int = 0
    live_only: bool = False
    edition: int = 1


_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_ANY: Final = {"minimums": {}, "tier": "", "customer": ""}

DEFAULTS: Final[Sequence[Default]] = (
    Default(RuleKind.PAYMENT_FAILED, "Payment failed", {"minimums": {}}),
    Default(
        RuleKind.PAYMENT_FAILURES,
        "More than 5 failures an hour",
        {"measure": "count", "threshold": "5", "currency": "", "minutes": 60},
        "critical",
        _HOUR,
        40,
    ),
    Default(
        RuleKind.MRR_DROP,
        "MRR down more than 10 % in a day",
        {"measure": "percent", "threshold": "10", "hours": None, "currency": "", "minimum": "500"},
        "critical",
        _HOUR,
        20,
    ),
    Default(RuleKind.CHURN_RATE, "Churn warning", {"threshold": "10", "minimum": 20}, "warning", _DAY, 10),
    Default(RuleKind.STALE_SYNC, "Stripe is not heard of", {"minutes": 30}, "warning", _HOUR),
    Default(RuleKind.QUARANTINE, "Event set aside", {}, "warning", _HOUR),
    Default(RuleKind.UNMAPPED_PRICE, "Price without a tier"),
    Default(RuleKind.CHANNEL_BROKEN, "Channel broken", live_only=True),
    Default(
        RuleKind.EVENT,
        "Subscription cancelled",
        {"kinds": ["subscription.cancel_scheduled", "subscription.ended"], **_ANY},
        "info",
    ),
    Default(RuleKind.EVENT, "Checkout completed", {"kinds": ["checkout.completed"], **_ANY}, "info"),
    Default(RuleKind.EVENT, "Events lost for good", {"kinds": [GAP], **_ANY}, "critical", edition=2),
)
