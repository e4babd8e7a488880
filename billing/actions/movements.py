"""The ledger of movements and its daily sums, brought in line with the MRR spans of the customers that changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, tzinfo
from typing import Any

from billing.models import MovementKind
from billing.movements import Key, Line, Worth, exact, movements, written

from .bulk import fetch, run

_SPANS = """
SELECT customer, subscription, currency, price, monthly, trial, involuntary, starts, ends FROM billing_mrrspan
WHERE workspace_id = %s AND mode = %s AND customer = ANY(%s)
"""
_STORED = """
SELECT customer, id, currency, price, day, kind, amount, trial, subscribers FROM billing_movement
WHERE workspace_id = %s AND mode = %s AND customer = ANY(%s)
"""
# One statement: the ledger's rows that vanish, those that are new or differ, and what that does to the sums.
_APPLY = """
WITH gone AS (
    DELETE FROM billing_movement WHERE workspace_id = %(ws)s AND id = ANY(%(gone)s)
),
written AS (
    INSERT INTO billing_movement AS t
        (workspace_id, mode, customer, currency, price, day, kind, amount, trial, subscribers)
    SELECT %(ws)s, %(mode)s, r.customer, r.currency, r.price, r.day, r.kind, r.amount, r.trial, r.subscribers
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
        customer text, currency text, price text, day date, kind text, amount numeric, trial numeric,
        subscribers smallint
    )
    ON CONFLICT (workspace_id, mode, customer, currency, price, day) DO UPDATE SET
        kind = excluded.kind, amount = excluded.amount, trial = excluded.trial, subscribers = excluded.subscribers
)
INSERT INTO billing_dailyrollup AS t
    (workspace_id, mode, day, currency, price, kind, amount, trial, subscribers, moves)
SELECT %(ws)s, %(mode)s, r.day, r.currency, r.price, r.kind, r.amount, r.trial, r.subscribers, r.moves
FROM jsonb_to_recordset(%(sums)s::jsonb) AS r(
    day date, currency text, price text, kind text, amount numeric, trial numeric, subscribers bigint, moves bigint
)
ON CONFLICT (workspace_id, mode, currency, price, kind, day) DO UPDATE SET
    amount = t.amount + excluded.amount, trial = t.trial + excluded.trial,
    subscribers = t.subscribers + excluded.subscribers, moves = t.moves + excluded.moves
"""
_DROP_EMPTY = """
DELETE FROM billing_dailyrollup t USING jsonb_to_recordset(%s::jsonb) AS r(
    day date, currency text, price text, kind text
)
WHERE t.workspace_id = %s AND t.mode = %s AND t.day = r.day AND t.currency = r.currency AND t.price = r.price
  AND t.kind = r.kind AND t.moves = 0
"""

_Sums = dict[tuple[Key, str], list[int]]


def refresh(workspace_id: int, mode: str, customers: Iterable[str], zone: tzinfo) -> int:
    """Replace these customers' movements by what their spans say now, and carry the difference into the daily sums.

    Two reads; one write where anything differs, and one more where a day's sum may have become empty. Must run in a
    transaction inside the scope, by the one holder of the lane.

    Returns:
        How many rows of the ledger were written or removed.
    """
    wanted = sorted(set(customers))
    if not wanted:
        return 0
    spans = _spans(workspace_id, mode, wanted)
    stored = _stored(workspace_id, mode, wanted)
    gone: list[int] = []
    rows: list[dict[str, Any]] = []
    sums: _Sums = {}
    for customer in wanted:
        new = movements(spans.get(customer, ()), zone)
        old = stored.get(customer, {})
        for key, (row_id, line) in old.items():
            if key not in new:
                gone.append(row_id)
            if new.get(key) != line:
                _count(sums, key, line, -1)
        for key, line in new.items():
            if key not in old or old[key][1] != line:
                rows.append(_row(customer, key, line))
                _count(sums, key, line, 1)
    if rows or gone:
        _apply(workspace_id, mode, gone, rows, sums)
    return len(rows) + len(gone)


def _apply(workspace_id: int, mode: str, gone: list[int], rows: list[dict[str, Any]], sums: _Sums) -> None:
    deltas = [_delta(key, kind, *values) for (key, kind), values in sorted(sums.items()) if any(values)]
    params: Any = {"ws": workspace_id, "mode": mode, "gone": gone, "rows": json.dumps(rows), "sums": json.dumps(deltas)}
    run(_APPLY, params)
    if fewer := [delta for delta in deltas if delta["moves"] < 0]:
        run(_DROP_EMPTY, (json.dumps(fewer), workspace_id, mode))


def _spans(workspace_id: int, mode: str, customers: list[str]) -> dict[str, list[Worth]]:
    found: dict[str, list[Worth]] = {}
    for customer, subscription, currency, price, monthly, *rest in fetch(_SPANS, (workspace_id, mode, customers)):
        found.setdefault(customer, []).append(Worth(subscription, currency, price, exact(monthly), *rest))
    return found


def _stored(workspace_id: int, mode: str, customers: list[str]) -> dict[str, dict[Key, tuple[int, Line]]]:
    found: dict[str, dict[Key, tuple[int, Line]]] = {}
    for customer, row_id, currency, price, day, kind, amount, trial, subscribers in fetch(
        _STORED, (workspace_id, mode, customers)
    ):
        line = Line(kind, exact(amount), exact(trial), subscribers)
        found.setdefault(customer, {})[Key(currency, price, day)] = (row_id, line)
    return found


def _count(sums: _Sums, key: Key, line: Line, sign: int) -> None:
    places = [(key, line.kind)]
    if line.kind == MovementKind.PLAN:
        places.append((key._replace(day=key.day.replace(day=1)), MovementKind.PLAN_MONTH.value))
    for place in places:
        total = sums.setdefault(place, [0, 0, 0, 0])
        for index, value in enumerate((line.amount, line.trial, line.subscribers, 1)):
            total[index] += sign * value


def _row(customer: str, key: Key, line: Line) -> dict[str, Any]:
    return {
        "customer": customer,
        **_head(key, line.kind),
        "amount": written(line.amount),
        "trial": written(line.trial),
        "subscribers": line.subscribers,
    }


def _delta(key: Key, kind: str, amount: int, trial: int, subscribers: int, moves: int) -> dict[str, Any]:
    return {
        **_head(key, kind),
        "amount": written(amount),
        "trial": written(trial),
        "subscribers": subscribers,
        "moves": moves,
    }


def _head(key: Key, kind: str) -> dict[str, Any]:
    day: date = key.day
    return {"day": day.isoformat(), "currency": key.currency, "price": key.price, "kind": str(kind)}
