"""Taking the steps that are due: each decided once, after looking once more whether the invoice is still owed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction

from billing.actions.access.holding import lane_within
from billing.actions.bulk import fetch
from billing.feed import feed_status
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance

from .steps import Chunk
from .terms import policy_of

CUSTOMERS: Final = 200
"""Whose steps are taken in one transaction."""
NOT_CONNECTED: Final = "Stripe is not connected: what is known may be outdated, so nothing is done."
EVENTS_WAIT: Final = "The plan includes no Stripe events any more: what is known is outdated, so nothing is done."
TURNED_OFF: Final = "Dunning is turned off."

# Whose steps are due, those apart for which access may have to be changed: that wants the lane.
_DUE: Final = """
SELECT customer, bool_or(next_step = 'downgrade') AS falls FROM dunning_case
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND closed_at IS NULL AND paused_at IS NULL
  AND next_step_at <= %(now)s AND customer > %(after)s
GROUP BY customer ORDER BY customer LIMIT %(most)s
"""


@dataclass
class Ran:
    """What a run did: lines of timelines as (invoice, kind, words), in the order in which they were decided. `refused`
    says why nothing was done at all, "" where something could be. `later`: customers who have to wait for the lane."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    refused: str = ""
    later: int = 0


def run(workspace_id: int, mode: Mode, now: datetime, *, dry: bool = False) -> Ran:
    """Take every step that is due at `now`. Commits a few hundred customers at a time.

    Must run in scope, outside a transaction. Any number of runs may go on at once: cases are locked while something is
    decided about them, and a step that is done is not due. Access is changed by the holder of the lane alone; where a
    worker does not let go of it within two seconds, those customers wait for the next run.

    Args:
        dry: decide, but keep nothing.
    """
    ran = Ran()
    with transaction.atomic():
        ran.refused = _refused(workspace_id, mode, now)
    after = ""
    while not ran.refused:
        with transaction.atomic():
            rows = fetch(_DUE, {"ws": workspace_id, "mode": str(mode), "now": now, "after": after, "most": CUSTOMERS})
        for falls in (False, True):
            some = [customer for customer, may_fall in rows if may_fall is falls]
            if some:
                _take(workspace_id, mode, some, now, ran, falls=falls, dry=dry)
        if len(rows) < CUSTOMERS:
            break
        after = rows[-1][0]
    return ran


def cut_off(workspace_id: int, mode: Mode, now: datetime) -> str:
    """Why what is known may be outdated, so that nothing may be done; "" where something may. Three queries, in
    scope."""
    if not feed_status(workspace_id, mode).connected:
        return NOT_CONNECTED
    if not allowance(Workspace.objects.get(pk=workspace_id), now).stripe_integration:
        return EVENTS_WAIT
    return ""


def _refused(workspace_id: int, mode: Mode, now: datetime) -> str:
    refused = cut_off(workspace_id, mode, now)
    return refused or ("" if policy_of(workspace_id, mode).enabled else TURNED_OFF)


def _take(
    workspace_id: int, mode: Mode, customers: Sequence[str], now: datetime, ran: Ran, *, falls: bool, dry: bool
) -> None:
    with lane_within(workspace_id, mode) if falls else nullcontext(False) as held, transaction.atomic():
        chunk = Chunk(workspace_id, mode, now, lane_held=held)
        chunk.take(customers)
        ran.lines += [(line["invoice"], line["kind"], line["text"]) for line in chunk.desk.entries]
        if dry:
            transaction.set_rollback(True)
    if falls and not held:
        ran.later += len(customers)
    again = sorted(chunk.want_lane) if not held and not falls and not dry else []
    if again:  # with this step done, access falls next, and it is time for that as well
        _take(workspace_id, mode, again, now, ran, falls=True, dry=dry)
