"""A channel's lane: workspace and number as one integer, because a doorbell carries nothing else."""

from __future__ import annotations

from typing import Final

_NUMBERS: Final = 1 << 16
"""More channels than a workspace ever makes; numbers are not given twice."""


def lane_of(workspace_id: int, number: int) -> int:
    """What doorbells carry and the lane's lock is named by."""
    return workspace_id * _NUMBERS + number


def lane_parts(lane: int) -> tuple[int, int]:
    """The workspace id and the channel's number of a lane."""
    return divmod(lane, _NUMBERS)
