"""How long a part of a run may take, and how what was put into the inbox gets processed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from integrations.models import Connection
from integrations.stripe.foreground import waits

PATIENCE: Final = 10.0
"""Seconds that one part waits for the lane; then it is put off."""
LOOK_AGAIN: Final = 0.1


class Pace:
    """One part's time. `pump` makes the lane move: it rings for a worker, or drains right here."""

    def __init__(self, seconds: float, pump: Callable[[], object]) -> None:
        self._until = time.monotonic() + seconds
        self.pump = pump

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def until_applied(self, stripe: Connection, received_before: datetime) -> bool:
        """Wait for the lane to process everything that arrived before a time (aware); False if it does not within 10 s.

        Outside a transaction.
        """
        until = time.monotonic() + PATIENCE
        while waits(stripe, received_before):
            if time.monotonic() >= until:
                return False
            self.pump()
            time.sleep(LOOK_AGAIN)
        return True
