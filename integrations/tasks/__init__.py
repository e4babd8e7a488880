"""Celery tasks: integers in, scope entered, one call. Losing one costs a sweep's interval, never an event."""

from .backfilling import backfill, sweep_backfills
from .cleaning import forget
from .draining import drain, release_held, sweep_inbox, wipe_expired
from .reading import read, sweep_reads
from .recovering import recover, sweep_recoveries

__all__ = [
    "backfill",
    "drain",
    "forget",
    "read",
    "recover",
    "release_held",
    "sweep_backfills",
    "sweep_inbox",
    "sweep_reads",
    "sweep_recoveries",
    "wipe_expired",
]
