"""What the owner of a Stripe account chooses under Settings › Billing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .clock import DAY, HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations are in seconds."""

    retry_gaps: tuple[int, ...] = (3 * DAY, 5 * DAY, 7 * DAY)
    """Time between a failed attempt and the next automatic one; after the last of them there is no further."""
    after_retries: Literal["canceled", "unpaid", "past_due", "paused"] = "canceled"
    """What becomes of a subscription whose invoice was never paid (`paused` is new in 2026-10-28.endive)."""
    draft_time: int = HOUR
    """How long a renewal's invoice stays a draft before Stripe finalizes it."""
    incomplete_time: int = 23 * HOUR
    """How long a first payment may be missing before the subscription expires."""
    announce_coupon_end: bool = True
    """Whether the end of a repeating coupon is told at its second, or only shows at the next renewal."""
