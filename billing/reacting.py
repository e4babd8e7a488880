"""What reactions to the history are told. `pqintel.reactions` says who reacts to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from billing.models import HistoryEntry
from billing.modes import Mode
from pqintel.queue import Doorbell

bell = Doorbell("pqintel.reactions.react", queue="react")

READ_PREFIX: Final = "pqread_"
"""How ids of events begin that we make of what we read. They tell of nothing that happened now: nobody reacts."""
TOO_OLD: Final = timedelta(days=3)
"""Who is told later than this has no use for a message: state and numbers change, nobody is disturbed."""
ANY: Final = "*"
"""Stands for every kind of line."""


@dataclass(frozen=True, slots=True)
class News:
    """New lines of one workspace's history in one mode, in the order in which they were learnt.

    Only of the kinds that the reaction is named for; without lines that a read of Stripe's API brought, without steps
    that a later event has superseded, and without what happened before the connection was made. `now` is aware.
    """

    workspace_id: int
    mode: Mode
    lines: tuple[HistoryEntry, ...]
    now: datetime

    @property
    def fresh(self) -> tuple[HistoryEntry, ...]:
        """Lines that were learnt within three days of what they tell."""
        return tuple(line for line in self.lines if not is_late(line))

    @property
    def late(self) -> tuple[HistoryEntry, ...]:
        """Lines that came too late to tell anybody of."""
        return tuple(line for line in self.lines if is_late(line))


def is_late(line: HistoryEntry) -> bool:
    """Whether a line was learnt more than three days after it happened."""
    return line.learnt_at - line.happened_at > TOO_OLD


class Reaction(Protocol):
    """Called in the workspace's scope, in the transaction that also marks the lines as handled.

    What it writes is therefore written exactly once; it must not contact anybody. What it raises undoes the batch,
    whose lines then come again one by one.
    """

    __name__: str

    def __call__(self, news: News, /) -> None: ...


Reactions = Mapping[str, tuple[Reaction, ...]]
"""History kind, or `ANY` → who reacts to it, in that order."""
