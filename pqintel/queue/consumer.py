"""The worker's part that talks to Redis, made to survive losing it in the middle of work (`CELERY_WORKER_CONSUMER`)."""

from __future__ import annotations

import warnings
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.common import ignore_errors


class Consumer(CeleryConsumer):
    """Celery's consumer, which puts the channels of a lost connection away before Celery does.

    Celery 5.7 closes a lost connection twice. Where a task was under way and Redis is still gone, the first closing
    ends at the channel's outstanding read; the second one wants to give the task's message back, but its connection has
    been taken apart by then, and the AttributeError ends the worker.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Put the lost connection away; the caller connects anew."""
        lost: Any = self.connection
        for channel in tuple(lost.transport.channels):
            # The first time, the outstanding read may fail, and takes note that there is none any more.
            for _ in range(2):
                ignore_errors(lost, channel.close)
        with warnings.catch_warnings():
            # That another release may end what is under way, unless told not to. It is told.
            warnings.simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(exc)
