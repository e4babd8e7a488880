"""Asking what a change of the rules would do, and doing it."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace

from .. import recalculation
from .load import load
from .proposals import Proposal
from .refresh import recompute, rows

AT_ONCE: Final = 1_000
"""How many customers are brought in line at once, within a second or two; more are left to a recalculation."""
PATIENCE_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Move:
    """So many customers go from one tier to another; None = no access. Equal tiers: their features or seats change."""

    before: str | None
    after: str | None
    customers: int


@dataclass(frozen=True)
class Effect:
    """What a change would do in one mode: `moves`, the largest first, of the `looked_at` customers it may concern.

    `complete` False: there are more customers than were looked at.
    """

    moves: tuple[Move, ...]
    looked_at: int
    complete: bool

    @property
    def moved(self) -> int:
        return sum(move.customers for move in self.moves)


def effect_of(workspace_id: int, mode: Mode, proposal: Proposal, now: datetime) -> Effect:
    """What a proposal would do to customers as they are now; nothing is written. Two queries, in scope."""
    customers = proposal.customers(workspace_id, mode, AT_ONCE + 1)
    some = sorted(customers)[:AT_ONCE]
    cases = load(workspace_id, mode, some)
    second = int(now.timestamp())
    before = rows(cases, now)
    after = rows(
        replace(
            cases,
            rules=proposal.applied(cases.rules, second),
            overrides={c: proposal.overrides(c, cases.overrides.get(c, []), second) for c in some},
        ),
        now,
    )
    fallback = cases.rules.fallback
    nothing_yet = {"tier": fallback.key if fallback else None}
    moves: Counter[tuple[str | None, str | None]] = Counter()
    for customer, (new, _) in after.items():
        old = before[customer][0] if customer in before else nothing_yet
        if any(old.get(name) != new[name] for name in ("tier", "features", "seats")):
            moves[old["tier"], new["tier"]] += 1
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return Effect(tuple(Move(*tiers, count) for tiers, count in ordered), len(some), len(customers) <= AT_ONCE)


def carry_out(workspace_id: int, proposal: Proposal, by: str, now: datetime) -> bool:
    """Save a change and bring the customers it concerns in line with it, in one transaction.

    Where they are many, or a worker does not let go of the lane, they are left to a recalculation in the background.
    Of two changes of a workspace the second sees what the first did, lane or not: of two overrides for one customer
    one runs. Must run in scope, outside a transaction.

    Args:
        by: who makes the change, for history.
        now: aware; when it was asked for. The change is made later by as long as others had to be waited for, because
            they may have decided about the same customers meanwhile.

    Returns:
        Whether every customer is in line already.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        held = {mode for mode in proposal.modes if _hold(stack, lane_of(workspace_id, mode))}
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
            waited = time.monotonic() - began
            now += timedelta(seconds=waited if waited >= PAUSE_SECONDS else 0.0)
            proposal.save(workspace_id, by, now)
            why = f"{by} {proposal.words}"
            late = tuple(
                mode
                for mode in proposal.modes
                if not (mode in held and _settle(workspace_id, mode, proposal, now, why))
            )
            if late:
                recalculation.ask(workspace_id, why, now, late)
    return not late


def _settle(workspace_id: int, mode: Mode, proposal: Proposal, now: datetime, why: str) -> bool:
    customers = proposal.customers(workspace_id, mode, AT_ONCE + 1)
    if len(customers) > AT_ONCE:
        return False
    recompute(workspace_id, mode, customers, now, why)
    return True


def _hold(stack: ExitStack, lane: int) -> bool:
    """Hold a lane until the stack ends; whether it could be had in time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        attempt = ExitStack()
        if attempt.enter_context(hold_lane(lane)):
            stack.push(attempt)
            return True
        attempt.close()
        if time.monotonic() >= until:
            return False
        time.sleep(PAUSE_SECONDS)
