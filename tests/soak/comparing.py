"""Holding what two ways have led to against each other, and against what the simulator says."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from billing.fingerprint import canonical
from billing.metrics.mrr import mrr_at
from billing.modes import Mode
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

Numbers = dict[str, Any]
Dump = dict[str, list[Any]]


def month_ends(start: int, end: int) -> list[int]:
    """The last second of every month (UTC) between two unix seconds, and the last of them itself."""
    first = datetime.fromtimestamp(start, UTC)
    found: list[int] = []
    for months in range(first.month - 1, first.month + 240):
        year, month = first.year + months // 12, months % 12 + 1
        last = int(datetime(year, month, monthrange(year, month)[1], 23, 59, 59, tzinfo=UTC).timestamp())
        if last >= end:
            return [*found, end]
        found.append(last)
    raise ValueError("twenty years are enough")


def told(truth: Truth, at: int) -> Numbers:
    """What the simulator says its metrics were at a unix second."""
    return _worth_telling(truth.as_dict(at))


def reported(workspace: Workspace, at: int, mode: Mode = Mode.TEST) -> Numbers:
    """What the product says they were, in the same form."""
    with scoped_transaction(workspace) as workspace_id:
        recurring = mrr_at(workspace_id, mode, datetime.fromtimestamp(at, UTC))
    return _worth_telling(
        {
            line.currency: {
                "mrr": line.mrr.plain(),
                "trial_mrr": line.trial_mrr.plain(),
                "active_subscribers": line.active_subscribers,
                "plans": {
                    plan.price: {"mrr": plan.mrr.plain(), "active_subscribers": plan.active_subscribers}
                    for plan in line.plans
                },
            }
            for line in recurring.currencies
        }
    )


def dump(workspace: Workspace, mode: Mode = Mode.TEST) -> Dump:
    """The canonical form of everything that billing knows."""
    with scoped_transaction(workspace) as workspace_id:
        return canonical(workspace_id, mode)


def differences(one: Dump, other: Dump, most: int = 3) -> list[str]:
    """What rows of each table only one of two dumps has: a line each, the first few of a table."""
    lines = []
    for table in sorted({*one, *other}):
        rows = [Counter(json.dumps(row, sort_keys=True) for row in each.get(table, ())) for each in (one, other)]
        for sign, extra in (("-", rows[0] - rows[1]), ("+", rows[1] - rows[0])):
            if extra:
                lines.append(
                    f"{table}: {extra.total()} rows {'only in the first' if sign == '-' else 'only in the second'}"
                )
                lines += [f"  {sign} {row}" for row in list(extra)[:most]]
    return lines


def _worth_telling(currencies: Numbers) -> Numbers:
    """A currency in which nothing is worth anything is as good as none."""
    return {
        currency: numbers
        for currency, numbers in currencies.items()
        if numbers["active_subscribers"] or float(numbers["mrr"]) or float(numbers["trial_mrr"])
    }
