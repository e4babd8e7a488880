"""How long deliveries wait for a worker, from counts in buckets that grow by the root of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from .words import span


@dataclass(frozen=True, slots=True)
class Lag:
    """Of `count` deliveries, half took at most `half` and 95 % at most `most`: upper ends of buckets, 41 % wide."""

    count: int
    half: timedelta
    most: timedelta

    @property
    def half_told(self) -> str:
        return span(self.half)

    @property
    def most_told(self) -> str:
        return span(self.most)


def lag_of(buckets: Iterable[tuple[int, int]]) -> Lag | None:
    """From (bucket, count) pairs; None where nothing was counted."""
    counted = sorted(buckets)
    total = sum(count for _, count in counted)
    if total == 0:
        return None
    return Lag(total, _reached(counted, total * 50), _reached(counted, total * 95))


def bucket_end(bucket: int) -> timedelta:
    """The longest time of a bucket: 2^(bucket/2) milliseconds."""
    return timedelta(milliseconds=2 ** (bucket / 2))


def _reached(counted: list[tuple[int, int]], wanted: int) -> timedelta:
    """The end of the bucket in which a share (in percent × total) is reached."""
    seen = accumulate(count for _, count in counted)
    return bucket_end(next(bucket for (bucket, _), so_far in zip(counted, seen, strict=True) if so_far * 100 >= wanted))
