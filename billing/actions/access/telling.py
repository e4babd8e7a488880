"""What history says about access: how it moved, as it was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from billing.access.decide import PAID_FOR, Reason
from billing.access.rules import Rules

OBJECT_KIND: Final = "access"
"""The `object_kind` of these lines. They say what customers really had, which depends on when events came in."""

Row = Mapping[str, Any]


def move(old: Row | None, new: Row, rules: Rules) -> tuple[str, dict[str, Any] | None, dict[str, Any]] | None:
    """The word for what became of a customer's access, with before and after; None when nothing did.

    A customer seen for the first time is worth a line when they have access for a reason, not when they merely are
    what everybody without a subscription is.
    """
    if old is not None and all(old[name] == new[name] for name in ("tier", "features", "seats")):
        return None
    if old is None and Reason(new["reason"]) not in PAID_FOR | {Reason.OVERRIDE}:
        return None
    gates = sorted({*new["features"], *(old["features"] if old else ())})
    moved = [name for name in gates if old is None or _gate(old, name) != _gate(new, name)]
    before = None if old is None else _told(old, moved)
    return _kind(old, new, rules), before, _told(new, moved)


def _kind(old: Row | None, new: Row, rules: Rules) -> str:
    was, now = (old["tier"] if old else None), new["tier"]
    if was == now:
        return "access.changed"
    if was is None:
        return "access.granted"
    if now is None:
        return "access.lost"
    before, after = rules.tiers.get(was), rules.tiers.get(now)
    if before is None or after is None:
        return "access.changed"
    return "access.upgraded" if (after.rank, after.key) > (before.rank, before.key) else "access.downgraded"


def _told(row: Row, moved: list[str]) -> dict[str, Any]:
    return {
        "tier": row["tier"],
        "seats": row["seats"],
        "reason": row["reason"],
        "features": {name: _gate(row, name) for name in moved},
    }


def _gate(row: Row, name: str) -> Any:
    return row["features"].get(name, False)
