"""Places: how many of a worker's processes may wait for one outsider, or for the clock, at a time.

Whoever hangs keeps those who ask him for ten seconds each. If every process could be kept, a few channels of a provider
that hangs would hold up a whole worker, and with it events, reactions and messages to everybody else. So at most half
of a worker's processes are with one outsider at a time; the others find no place, go on with other work, and are
brought back by beat's sweep.
"""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from typing import Final

from .lane import Work, hold_lane


class Outsider(IntEnum):
    """Whom we wait for; `CLOCK` where a provider takes one message a second, and another one is there to be sent."""

    SLACK = 1
    TELEGRAM = 2
    MAIL = 3
    CLOCK = 4


PATIENCE_SECONDS: Final = 1.0
"""How long one waits for a place: who does not hang lets go of his sooner."""
CROWDED_SECONDS: Final = 5.0
"""After waiting in vain, how long one goes away at once."""
_MOST: Final = 16


class Places:
    """The places of this process's worker: one, until `of` says how many processes there are. Not for threads."""

    def __init__(self) -> None:
        self._number = 1
        self._crowded: dict[Outsider, float] = {}

    def of(self, processes: int) -> None:
        """Say how many processes the worker has, before they are forked."""
        self._number = min(max(processes // 2, 1), _MOST)

    @contextmanager
    def hold(self, outsider: Outsider, seconds: float = PATIENCE_SECONDS) -> Iterator[bool]:
        """Try to take a place with an outsider, for so long at most; gives whether there was one.

        A place is a lock of the database session, as a lane is: it goes with whoever dies. Must be entered outside a
        transaction.
        """
        patient = time.monotonic() >= self._crowded.get(outsider, 0.0)
        until = time.monotonic() + (seconds if patient else 0.0)
        while True:
            with ExitStack() as stack:
                if any(stack.enter_context(hold_lane(lock, Work.WAITING)) for lock in self._locks(outsider)):
                    self._crowded.pop(outsider, None)
                    yield True
                    return
            if time.monotonic() >= until:
                break
            time.sleep(0.05)
        if patient:
            self._crowded[outsider] = time.monotonic() + CROWDED_SECONDS
        yield False

    def _locks(self, outsider: Outsider) -> Iterator[int]:
        worker = zlib.crc32(f"{socket.gethostname()} {os.getppid()}".encode())
        for place in range(self._number):
            yield (worker << 8) + (outsider << 4) + place


places: Final = Places()
"""Those of this process."""
