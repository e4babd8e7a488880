"""A lane's number: workspace and mode as one integer, because a doorbell carries nothing else."""

from __future__ import annotations

from .modes import Mode


def lane_of(workspace_id: int, mode: Mode) -> int:
    """What doorbells carry and a lane's lock is named by."""
    return workspace_id * 2 + (mode is Mode.LIVE)


def lane_parts(lane: int) -> tuple[int, Mode]:
    """The workspace id and mode of a lane."""
    return lane // 2, Mode.LIVE if lane % 2 else Mode.TEST
