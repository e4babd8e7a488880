"""Comparing what is known here with what Stripe says, object by object; reporting what differs, and repairing it.

A run goes through four phases. It reads missed events of the last days first (`recovery`). It lists every object and
compares it with ours, field by field, by the same translator that reads events (`listing`). What looks different is
read again 90 seconds later, when everything that had arrived is processed: what still differs, and has not changed at
Stripe in between, is reported, and enters the inbox as one more snapshot (`confirming`). Once the lane has processed
that, it is compared once more, and closed (`closing`). Parts are short, their place is kept, any worker does the next.
"""

from .report import DriftLine, ReconciliationStatus, RunStatus, drift_lines, line, run_status, status
from .run import CannotReconcile, advance, begin

__all__ = [
    "CannotReconcile",
    "DriftLine",
    "ReconciliationStatus",
    "RunStatus",
    "advance",
    "begin",
    "drift_lines",
    "line",
    "run_status",
    "status",
]
