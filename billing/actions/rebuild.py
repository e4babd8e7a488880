"""Rebuilding what is derived, for when somebody doubts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from billing.modes import Mode

from . import words
from .bulk import fetch
from .derived import derive
from .walking import next_customers

CHUNK: Final = 500

# The sums as the ledger says, against those that are kept: wrong ones replaced, missing ones added, others removed.
_SUMS: Final = """
WITH truth AS (
    SELECT day, currency, price, kind, sum(amount) AS amount, sum(trial) AS trial, sum(subscribers) AS subscribers,
           count(*) AS moves
    FROM (
        SELECT day, currency, price, kind, amount, trial, subscribers FROM billing_movement
        WHERE workspace_id = %(ws)s AND mode = %(mode)s
        UNION ALL
        SELECT date_trunc('month', day)::date, currency, price, 'plan_month', amount, trial, subscribers
        FROM billing_movement WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'plan'
    ) moved
    GROUP BY 1, 2, 3, 4
),
gone AS (
    DELETE FROM billing_dailyrollup d
    WHERE d.workspace_id = %(ws)s AND d.mode = %(mode)s AND NOT EXISTS (
        SELECT FROM truth t
        WHERE t.day = d.day AND t.currency = d.currency AND t.price = d.price AND t.kind = d.kind
    )
    RETURNING 1
),
written AS (
    INSERT INTO billing_dailyrollup AS d
        (workspace_id, mode, day, currency, price, kind, amount, trial, subscribers, moves)
    SELECT %(ws)s, %(mode)s, day, currency, price, kind, amount, trial, subscribers, moves FROM truth
    ON CONFLICT (workspace_id, mode, currency, price, kind, day) DO UPDATE SET
        amount = excluded.amount, trial = excluded.trial, subscribers = excluded.subscribers, moves = excluded.moves
    WHERE (d.amount, d.trial, d.subscribers, d.moves)
        <> (excluded.amount, excluded.trial, excluded.subscribers, excluded.moves)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many customers were looked at (a guest's failed payment is one), and how many rows had to be corrected."""

    customers: int
    movements: int
    rollups: int
    failures: int
    standing: int


def rebuild(workspace_id: int, mode: Mode) -> Rebuilt:
    """Compute all derived rows anew: spans, movements, daily sums, failures, how subscriptions stand with their
    payments, search words; write what differs. Commits chunk by chunk.

    Must run in scope, outside a transaction, by the one holder of the lane.
    """
    customers = movements = failures = standing = 0
    after = ""
    while True:
        with transaction.atomic():
            chunk = next_customers(workspace_id, str(mode), after, CHUNK)
            if chunk:
                derived = derive(workspace_id, str(mode), chunk, datetime.now(UTC))
                movements += derived.movements
                failures += derived.failures
                standing += derived.standing
                words.renew(workspace_id, str(mode), chunk)
        customers += len(chunk)
        if len(chunk) < CHUNK:
            break
        after = chunk[-1]
    with transaction.atomic():
        ((rollups,),) = fetch(_SUMS, {"ws": workspace_id, "mode": str(mode)})
    return Rebuilt(customers, movements, rollups, failures, standing)
