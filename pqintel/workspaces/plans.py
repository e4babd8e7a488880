"""What a workspace's plan allows: the one place that answers this (P5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings

from .models import Workspace


class Tier(StrEnum):
    """A plan level, least first."""

    FREE = "free"
    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"


@dataclass(frozen=True)
class Terms:
    """What a tier includes. `seats` None: as many as wanted."""

    stripe_integration: bool
    seats: int | None


TERMS: dict[Tier, Terms] = {
    Tier.FREE: Terms(stripe_integration=False, seats=2),
    Tier.STARTER: Terms(stripe_integration=False, seats=5),
    Tier.GROWTH: Terms(stripe_integration=True, seats=20),
    Tier.SCALE: Terms(stripe_integration=True, seats=None),
}


@dataclass(frozen=True)
class Allowance:
    """What one workspace may use at one instant. `open`: nothing is sold here, or this is the seller's own workspace.

    `trial_ends_at` is set while the tier comes from the trial alone.
    """

    tier: Tier
    stripe_integration: bool
    seats: int | None
    trial_ends_at: datetime | None
    open: bool

    @property
    def name(self) -> str:
        return "Open" if self.open else self.tier.value.title()


def allowance(workspace: Workspace, now: datetime) -> Allowance:
    """What the workspace's plan allows at `now` (aware). Asks the database nothing.

    Without a house workspace (PQ_HOUSE_WORKSPACE) this installation has no paid plans, and everything is open. With
    one, a workspace has Growth for its trial and Free afterwards; the house itself is open (P5, P16).
    """
    if not settings.PQ_HOUSE_WORKSPACE or workspace.slug == settings.PQ_HOUSE_WORKSPACE:
        return _of(Tier.SCALE, trial_ends_at=None, open=True)
    if now < workspace.trial_ends_at:
        return _of(Tier.GROWTH, trial_ends_at=workspace.trial_ends_at, open=False)
    return _of(Tier.FREE, trial_ends_at=None, open=False)


def _of(tier: Tier, *, trial_ends_at: datetime | None, open: bool) -> Allowance:  # noqa: A002 (the field's name)
    terms = TERMS[tier]
    return Allowance(tier, terms.stripe_integration, terms.seats, trial_ends_at, open)
