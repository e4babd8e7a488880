"""Celery tasks: integers in, scope entered, one call. Losing one costs a sweep's interval, never an event."""

from .backfilling import backfill, sweep_backfills
from .cleaning import forget
from .delivering import send_deliveries, sweep_deliveries
from .draining import drain, release_held, sweep_inbox, wipe_expired
from .reading import read, sweep_reads
from .reconciling import begin_reconciliations, reconcile, sweep_reconciliations
from .recovering import recover, sweep_recoveries

__all__ = [
    "backfill",
    "begin_reconciliations",
    "drain",
    "forget",
    "read",
    "reconcile",
    "recover",
    "release_held",
    "send_deliveries",
    "sweep_backfills",
    "sweep_deliveries",
    "sweep_inbox",
    "sweep_reads",
    "sweep_reconciliations",
    "sweep_recoveries",
    "wipe_expired",
]
