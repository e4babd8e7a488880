"""Takes lanes in turn: a ring that a later visit has answered already buys no visit of its own."""

from __future__ import annotations

from typing import Final

MOST: Final = 10_000


class Turns:
    """What this process remembers of the lanes that it left with work in them. Not for threads: a pool child has one.

    Every such visit rings again, and while the lane waits for its next turn, deliveries and sweeps ring too. If each
    of these rings bought a visit, and each visit a ring, a few large backlogs would fill the queue with themselves, and
    a tenant with a single event would wait behind all of it.

    Clocks of several machines are compared. Where they differ, a ring may be passed over that was not answered; then
    the sweep rings, as for a ring that was lost.
    """

    def __init__(self) -> None:
        self._left: dict[int, float] = {}

    def answered(self, lane: int, rung: float | None) -> bool:
        """Whether this process began a visit after the ring (unix seconds), left the lane with work, and rang anew."""
        began = self._left.get(lane)
        return rung is not None and began is not None and rung < began

    def note(self, lane: int, began: float, *, more: bool) -> None:
        """Remember a visit: when it began (unix seconds), and whether it left work behind."""
        if not more:
            self._left.pop(lane, None)
            return
        if len(self._left) >= MOST:
            self._left.clear()
        self._left[lane] = began
