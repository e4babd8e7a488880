"""Tiers and their gates: what each level opens, and which of two gates is the better. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Gate = bool | int | None
"""A feature's gate: on or off, a number of something, or None for as many as wanted."""


@dataclass(frozen=True, slots=True)
class TierTerms:
    """A plan level as the decision sees it (models.Tier). `changed_at` in unix seconds, None = it is a default."""

    key: str
    name: str
    rank: int
    features: Mapping[str, Gate] = field(default_factory=dict)
    seat_limit: int | None = None
    seats_by_quantity: bool = False
    changed_at: int | None = None


DEFAULT_TIERS: Final = (
    TierTerms(
        "free",
        "Free",
        0,
        {"projects": 1, "api_access": False, "exports": False, "priority_support": False, "single_sign_on": False},
        seat_limit=2,
    ),
    TierTerms(
        "starter",
        "Starter",
        10,
        {"projects": 5, "api_access": False, "exports": True, "priority_support": False, "single_sign_on": False},
        seat_limit=5,
    ),
    TierTerms(
        "growth",
        "Growth",
        20,
        {"projects": 50, "api_access": True, "exports": True, "priority_support": True, "single_sign_on": False},
        seat_limit=20,
    ),
    TierTerms(
        "scale",
        "Scale",
        30,
        {"projects": None, "api_access": True, "exports": True, "priority_support": True, "single_sign_on": True},
        seat_limit=None,
    ),
)
"""What every workspace begins with. They hold until one of them is edited; then all of them become rows."""

DEFAULT_FREE: Final = "free"


def better(one: Gate, other: Gate) -> Gate:
    """The more generous of two gates: off, then numbers as they grow, then on, then unlimited."""
    return max(one, other, key=_generosity)


def better_features(*several: Mapping[str, Gate]) -> dict[str, Gate]:
    """Every gate of several tiers, each at its best; sorted by name, so that equal sets are equal rows."""
    combined: dict[str, Gate] = {}
    for features in several:
        for name, gate in features.items():
            combined[name] = better(combined[name], gate) if name in combined else gate
    return dict(sorted(combined.items()))


def more_seats(*several: int | None) -> int | None:
    """The most of several numbers of seats; None = unlimited."""
    return None if None in several else max((seats for seats in several if seats is not None), default=0)


def _generosity(gate: Gate) -> tuple[int, int]:
    if gate is None:
        return (3, 0)
    if isinstance(gate, bool):
        return (2, 0) if gate else (0, 0)
    return (1, gate)
