"""A run of the checks: what is done, what is next, and what one check tells a later one. Holds no secrets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from integrations.models import Connection


class State(StrEnum):
    """How a check stands. `unknown` is no failure: nothing could be found out, and nothing stands in the way."""

    PENDING = "pending"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WARNING = "warning"


class Subject(StrEnum):
    """What is verified: new credentials beside the working ones, or the working ones again."""

    DRAFT = "draft"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Line:
    """One check as people see it."""

    name: str
    label: str
    state: State = State.PENDING
    detail: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Line:
        """A line as it was stored."""
        return cls(**{**stored, "state": State(stored["state"])})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found. `notes` are for later checks; `breaks` says that working credentials do not work any more."""

    state: State
    detail: str = ""
    remedy: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as it lies in `Connection.checks`; immutable. `id` tells it from a later run of the same connection."""

    id: str
    subject: Subject
    lines: tuple[Line, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)
    breaks: bool = False

    @classmethod
    def fresh(cls, subject: Subject, labels: Mapping[str, str]) -> Run:
        lines = tuple(Line(name, label) for name, label in labels.items())
        return cls(secrets.token_hex(8), subject, lines)._show_next()

    @classmethod
    def of(cls, connection: Connection) -> Run | None:
        """The connection's latest run, if there was one."""
        stored = connection.checks
        if not stored:
            return None
        lines = tuple(Line.of(line) for line in stored["lines"])
        return cls(stored["id"], Subject(stored["subject"]), lines, stored["notes"], stored["breaks"])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def next(self) -> str | None:
        """The check that is to run next; None when all are done."""
        return next((line.name for line in self.lines if line.state in (State.PENDING, State.RUNNING)), None)

    @property
    def failed(self) -> bool:
        return any(line.state is State.FAILED for line in self.lines)

    def passed(self, name: str) -> bool:
        """Whether a check is done and found nothing that stands in the way."""
        return any(line.name == name and line.state in (State.OK, State.WARNING) for line in self.lines)

    def record(self, name: str, outcome: Outcome) -> Run:
        """This run with a check's outcome in its line."""
        lines = tuple(
            replace(line, state=outcome.state, detail=outcome.detail, remedy=outcome.remedy)
            if line.name == name
            else line
            for line in self.lines
        )
        notes = {**self.notes, **outcome.notes}
        return replace(self, lines=lines, notes=notes, breaks=self.breaks or outcome.breaks)._show_next()

    def _show_next(self) -> Run:
        lines = tuple(replace(line, state=State.RUNNING) if line.name == self.next else line for line in self.lines)
        return replace(self, lines=lines)
