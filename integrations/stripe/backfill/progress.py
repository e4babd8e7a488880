"""How far a backfill has come, for the page and the command."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from integrations.models import Backfill, Connection

from .stages import STAGES

_AGAIN = "Then let it go on: it does so where it stopped."
_REMEDIES = (
    ("accept the key", f"Paste a new key below. {_AGAIN}"),
    ("unreadable", f"Whoever runs PQ Intel has to put the encryption key back into PQ_KEYS. {_AGAIN}"),
    ("not connected", f"Connect Stripe first. {_AGAIN}"),
)


@dataclass(frozen=True, slots=True)
class StageLine:
    """One list: `state` is pending, running, done or skipped; `detail` says which page, or why it was left out."""

    name: str
    label: str
    count: int
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """One run. `state` is running, waiting (for `waiting_for`, until `waits_until`), failed or done."""

    state: str
    stages: tuple[StageLine, ...]
    objects: int
    started_at: datetime
    finished_at: datetime | None
    waiting_for: str
    waits_until: datetime | None
    failure: str
    remedy: str

    @property
    def moves(self) -> bool:
        """Whether it is worth asking again."""
        return self.state in ("running", "waiting")

    @property
    def skipped(self) -> tuple[StageLine, ...]:
        return tuple(line for line in self.stages if line.state == "skipped")

    @property
    def now(self) -> StageLine | None:
        """What is read now."""
        return next((line for line in self.stages if line.state == "running"), None)

    @property
    def version(self) -> int:
        """Another number after every visible change."""
        return zlib.crc32(repr(self).encode())

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        document = asdict(self)
        for name in ("started_at", "finished_at", "waits_until"):
            document[name] = moment.isoformat(timespec="seconds") if (moment := document[name]) else None
        return document


def progress(connection: Connection) -> Progress | None:
    """The latest run; None before the first. One query. Must run in scope."""
    runs = Backfill.objects.filter(workspace_id=connection.workspace_id, connection=connection)
    run = runs.order_by("-started_at").first()
    return None if run is None else of(run)


def of(run: Backfill) -> Progress:
    """A run in words. Pure."""
    if run.failure is not None:
        state = "failed"
    elif run.finished_at is not None:
        state = "done"
    else:
        state = "waiting" if run.waits_until is not None else "running"
    failure = run.failure or ""
    return Progress(
        state=state,
        stages=tuple(_lines(run)),
        objects=sum(run.counts.values()),
        started_at=run.started_at,
        finished_at=run.finished_at,
        waiting_for=run.waits_for,
        waits_until=run.waits_until,
        failure=failure,
        remedy=next((remedy for words, remedy in _REMEDIES if words in failure), _AGAIN) if failure else "",
    )


def _lines(run: Backfill) -> list[StageLine]:
    lines, passed = [], True
    for stage in STAGES:
        count = run.counts.get(stage.name, 0)
        if stage.name in run.skipped:
            lines.append(StageLine(stage.name, stage.label, count, "skipped", run.skipped[stage.name]))
        elif stage.name == run.stage:
            passed = False
            lines.append(StageLine(stage.name, stage.label, count, "running", _pages(run)))
        else:
            lines.append(StageLine(stage.name, stage.label, count, "done" if passed else "pending"))
    return lines


def _pages(run: Backfill) -> str:
    """ "12 of about 40 pages": Stripe does not say how many there are, but lists run from now back to the beginning."""
    if not run.pages:
        return ""
    told = f"{run.pages} page{'' if run.pages == 1 else 's'}"
    begun = int(run.started_at.timestamp())
    # The first list sets `oldest` itself, and events run the other way: nothing to measure them by.
    if run.reached is None or run.oldest is None or run.stage in (STAGES[0].name, STAGES[-1].name):
        return told
    covered, whole = begun - run.reached, begun - run.oldest
    if not 0 < covered <= whole:
        return told
    return f"{run.pages} of about {max(run.pages + 1, round(run.pages * whole / covered))} pages"
