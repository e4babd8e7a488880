"""Keeping to a number of questions a second."""

from __future__ import annotations

import time
from collections import deque


class Pace:
    """At most so many questions begin within any second; some at once, where it was quiet before. Not for threads."""

    def __init__(self, per_second: int) -> None:
        self._begun: deque[float] = deque(maxlen=per_second)

    @property
    def quiet(self) -> bool:
        """Whether none has begun within the last second."""
        return not self._begun or self._begun[-1] + 1 < time.monotonic()

    def take(self) -> None:
        """Wait until one may begin."""
        if len(self._begun) == self._begun.maxlen:
            time.sleep(max(0.0, self._begun[0] + 1 - time.monotonic()))
        self._begun.append(time.monotonic())
