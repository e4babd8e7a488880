"""What a decision about access is made of and what it says: steps, overrides, holds, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from ..tiers import Gate

GIVING: Final = frozenset({"active", "trialing", "past_due"})
"""Statuses of a subscription that gives what its prices say."""
_NOT_PROVIDED: Final = "void"


class Reason(StrEnum):
    """Why access is as it is; the first three are those of a subscription that gives it.

    `unknown`: a status that is new to us, or a customer of whom nothing is known.
    """

    ACTIVE = "active"
    TRIALING = "trialing"
    PAST_DUE = "past_due"
    OVERRIDE = "override"
    UNMAPPED = "unmapped"
    ADD_ON = "add_on"
    GRACE_OVER = "grace_over"
    DUNNING = "dunning"
    UNPAID = "unpaid"
    PAUSED = "paused"
    INCOMPLETE = "incomplete"
    ENDED = "ended"
    NO_SUBSCRIPTION = "no_subscription"
    UNKNOWN = "unknown"


PAID_FOR: Final = frozenset({Reason.ACTIVE, Reason.TRIALING, Reason.PAST_DUE})


class Step(NamedTuple):
    """A subscription from `second` (unix) on, until its next step; `items` are (price, quantity)."""

    second: int
    event_id: str
    status: str
    pause: str | None
    items: tuple[tuple[str, int], ...]

    @property
    def gives(self) -> bool:
        return self.status in GIVING and self.pause != _NOT_PROVIDED


class Override(NamedTuple):
    """An override (models.AccessOverride) from `starts` to `ends` (None: open), unix seconds.

    `revoked`: when somebody ended it, before it would have ended by itself.
    """

    id: int
    exactly: bool
    tier: str | None
    features: Mapping[str, Gate]
    seats: int | None
    starts: int
    ends: int | None
    revoked: int | None = None

    @property
    def decided(self) -> int:
        """When somebody last decided something about it."""
        return max(self.starts, self.revoked or self.starts)


class Hold(NamedTuple):
    """A hold (models.AccessHold) from `starts` to `ends` (None: open), unix seconds."""

    subscription: str
    invoice: str
    falls_to_free: bool
    starts: int
    ends: int | None

    @property
    def decided(self) -> int:
        """When it was last decided about, by dunning, a payment or a person."""
        return max(self.starts, self.ends or self.starts)

    def place(self) -> tuple[str, str, bool, int, bool, int]:
        """Where it stands among others; one that is open comes after one that ended, also of the same second."""
        return self.subscription, self.invoice, self.falls_to_free, self.starts, self.ends is None, self.ends or 0


class Given(NamedTuple):
    """What may be used: tier, gates, seats (None = unlimited)."""

    tier: str | None
    features: dict[str, Gate]
    seats: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A customer's access; see models.Access. Instants in unix seconds."""

    given: Given
    reason: Reason
    since: int
    cause: str
    subscription: str | None
    unmapped: tuple[str, ...]
    overridden: bool
    until: int | None
