"""The kinds of rules: a module for each, and the list of them.

A `Threshold` reads a value at instants, a `Happening` looks at new lines of history; `alerts.machine` does the rest.
"""

from __future__ import annotations

from typing import Final

from alerts.models import RuleKind

from .base import Happening, Params, Threshold
from .channel_broken import ChannelBroken
from .churn_rate import ChurnRate
from .event import Event
from .mrr_drop import AMOUNT, MrrDrop
from .payment_failed import PaymentFailed
from .payment_failures import PaymentFailures
from .quarantine import Quarantine
from .stale_sync import StaleSync
from .unmapped_price import UnmappedPrice

THRESHOLDS: Final[dict[str, Threshold]] = {
    found.kind: found for found in (PaymentFailures(), MrrDrop(), ChurnRate(), StaleSync(), ChannelBroken())
}
HAPPENINGS: Final[dict[str, Happening]] = {
    found.kind: found for found in (PaymentFailed(), Event(), Quarantine(), UnmappedPrice())
}


KINDS: Final[dict[str, Threshold | Happening]] = {
    kind: THRESHOLDS[kind] if kind in THRESHOLDS else HAPPENINGS[kind] for kind in RuleKind
}
"""In the order in which they are offered."""


def summary_of(kind: str, params: Params, reporting: str | None) -> str:
    """A rule in one line; an amount without a currency of its own is one in the `reporting` currency."""
    if kind == RuleKind.MRR_DROP and params["measure"] == AMOUNT and not params["currency"] and reporting:
        params = {**params, "currency": reporting}
    return KINDS[kind].summary(params)
