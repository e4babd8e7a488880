"""The invoices behind failed, recovered, lost and at-risk amounts."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.metrics.periods import Period
from billing.metrics.recovery import FAILED, OUTCOME, within
from billing.modes import Mode
from billing.money import Money

from .rows import PAGE_ROWS, Failed, Rows, offset

_OF: Final = f"{FAILED} AND f.currency = %(currency)s AND (%(outcome)s = '' OR {OUTCOME} = %(outcome)s)"
_TOTALS: Final = f"SELECT count(*), coalesce(sum(f.amount), 0) {_OF}"
_ROWS: Final = f"""
SELECT coalesce(f.customer, ''), f.subject, f.invoice IS NOT NULL, f.happened_at, f.amount, {OUTCOME},
       coalesce(f.invoice_event, f.payment_event)
{_OF} ORDER BY f.happened_at DESC, f.subject LIMIT %(limit)s OFFSET %(offset)s
"""


def failed(
    workspace_id: int, mode: Mode, currency: str, period: Period, zone: ZoneInfo, outcome: str = "", page: int = 1
) -> Rows:
    """What failed for the first time in a period, the newest first. Two queries. Must run in scope.

    Args:
        outcome: "recovered", "lost" or "at_risk"; "" for all.
    """
    params: dict[str, Any] = {
        **within(workspace_id, mode, period, zone),
        "currency": currency,
        "outcome": outcome,
        "limit": PAGE_ROWS,
        "offset": offset(page),
    }
    ((number, amount),) = fetch(_TOTALS, params)
    rows = [
        Failed(customer, subject, is_invoice, at, Money(minor, currency), became, event_id)
        for customer, subject, is_invoice, at, minor, became, event_id in fetch(_ROWS, params)
    ]
    return Rows(failed=rows, number=number, amount=Money(int(amount), currency), count=number, page=page)
