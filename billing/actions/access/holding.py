"""Holding back what an unpaid subscription gives, and giving it back by decision of a person.

Whoever pays needs nobody: a hold ends with its invoice (`load.OVER`), in the batch that tells of the payment.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from billing.actions.bulk import Table, fetch, text, typed, unique
from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import hold_lane

from .. import recalculation
from .load import OVER
from .refresh import recompute

PATIENCE_SECONDS: Final = 2.0
_HOLDS: Final = Table(
    "billing_accesshold",
    (
        *text("customer", "subscription", "invoice", "lifted_by"),
        *typed("boolean", "falls_to_free"),
        *typed("timestamptz", "starts_at"),
    ),
    keep=True,
)
_LIFT: Final = """
UPDATE billing_accesshold SET lifted_at = %s, lifted_by = %s
WHERE workspace_id = %s AND mode = %s AND invoice = ANY(%s) AND lifted_at IS NULL
RETURNING customer
"""
_HELD: Final = f"""
SELECT h.invoice FROM billing_accesshold h
LEFT JOIN billing_invoice i ON i.workspace_id = h.workspace_id AND i.mode = h.mode AND i.stripe_id = h.invoice
WHERE h.workspace_id = %s AND h.mode = %s AND h.invoice = ANY(%s) AND h.lifted_at IS NULL AND {OVER} IS NULL
"""  # noqa: S608 - all names are our own


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A subscription that is to give nothing until `invoice` is paid. Stripe's ids; see models.AccessHold."""

    customer: str
    subscription: str
    invoice: str
    falls_to_free: bool


@contextmanager
def lane_within(workspace_id: int, mode: Mode, seconds: float = PATIENCE_SECONDS) -> Iterator[bool]:
    """Hold a lane as soon as it is free; gives whether it could be had in time. To be entered outside a transaction."""
    until = time.monotonic() + seconds
    while True:
        with hold_lane(lane_of(workspace_id, mode)) as held:
            if held or time.monotonic() >= until:
                yield held
                return
        time.sleep(0.05)


def hold_back(workspace_id: int, mode: Mode, unpaid: Sequence[Unpaid], why: str, now: datetime) -> None:
    """Let subscriptions give nothing from now on, and say so in history. Idempotent. Five statements at most.

    Must run in a transaction in scope, by the holder of the lane (`lane_within`). Bring a few hundred at a time.
    """
    rows = [{**asdict(one), "lifted_by": "", "starts_at": now.isoformat()} for one in unpaid]
    _HOLDS.write(workspace_id, str(mode), rows)
    recompute(workspace_id, str(mode), unique(one.customer for one in unpaid), now, why)


def held_for(workspace_id: int, mode: Mode, invoices: Iterable[str]) -> set[str]:
    """Those of the invoices (Stripe's ids) for which access is held back now. One query. Must run in scope."""
    return {row[0] for row in fetch(_HELD, (workspace_id, str(mode), unique(invoices)))}


def lift(workspace_id: int, mode: Mode, invoices: Iterable[str], by: str, now: datetime, *, lane_held: bool) -> bool:
    """Give back what is held because of these invoices. Must run in a transaction in scope.

    Args:
        by: who decided it, for history.
        lane_held: whether the caller holds the lane. If not, a recalculation follows in the background.

    Returns:
        Whether anything was held.
    """
    wanted = unique(invoices)
    freed = [row[0] for row in fetch(_LIFT, (now, by, workspace_id, str(mode), wanted))] if wanted else []
    if freed:
        why = f"{by} gave access back"
        if lane_held:
            recompute(workspace_id, str(mode), unique(freed), now, why)
        else:
            recalculation.ask(workspace_id, why, now, (mode,))
    return bool(freed)
