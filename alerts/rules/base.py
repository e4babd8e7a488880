"""What a kind of rule is: a form for its parameters, a look into the data, a judge, and words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from django import forms

from alerts.machine import Decision, Occurrence, Reading
from alerts.models import RuleKind
from billing.models import HistoryEntry
from billing.modes import Mode
from integrations.channels import Link

Params = Mapping[str, Any]
"""As a kind's form cleans them: JSON, amounts and percentages as text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rules are judged: a workspace and mode, and what of them all kinds need to know.

    `held_back` says why numbers are not to be trusted at the moment ("" = they are). `reporting` is the currency that
    was chosen, if one was. `heard_at` and `pending_since`: how far Stripe is known, and since when something waits.
    """

    workspace_id: int
    slug: str
    mode: Mode
    zone: ZoneInfo
    connected_at: datetime | None = None
    reporting: str | None = None
    held_back: str = ""
    heard_at: datetime | None = None
    pending_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says, without its severity. Times in it are of the workspace's zone."""

    title: str
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    link: Link | None = None
    also: Link | None = None


class Judge(Protocol):
    """One rule's view of a timeline. Pure; between two of its instants a reading does not change."""

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """When a reading may change, later than `after`, in order."""
        ...

    def reading(self, at: datetime) -> Reading:
        """What the rule sees at that instant, knowing what is known now."""
        ...

    def wakes(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which time alone may change the reading; None: nothing is in sight."""
        ...


class ParamsForm(forms.Form):
    """The parameters of a kind. `params` is what a valid form keeps; `initial_of` is the way back."""

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    @classmethod
    def initial_of(cls, params: Params) -> dict[str, Any]:
        return dict(params)

    def check_in(self, workspace_id: int, mode: Mode) -> None:
        """Add errors to a valid form where it names what is not there. Must run in scope."""


class Threshold(ABC):
    """A kind of rule that compares a value with a threshold. One object each, without state."""

    kind: ClassVar[RuleKind]
    form: ClassVar[type[ParamsForm]]
    about: ClassVar[str]
    holds: ClassVar[timedelta] = timedelta(0)
    """How long after its instants a reading stays what it was: who is to see it then has a judge begin that earlier."""
    graded: ClassVar[bool] = True
    """Whether a value can come back by degrees, so that a hysteresis means something."""

    @abstractmethod
    def judges(self, place: Place, params: Sequence[Params], after: datetime, until: datetime) -> Sequence[Judge]:
        """A judge for each rule's parameters, from `after` on until `until`. One load for all. Must run in scope."""

    @abstractmethod
    def summary(self, params: Params) -> str:
        """The rule in a sentence."""

    @abstractmethod
    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        """What is said when it fires or recovers. No query."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An occurrence with what its message needs: the line of history, and what the kind looked up for it."""

    occurrence: Occurrence
    line: HistoryEntry
    found: Any = None


@dataclass(frozen=True, slots=True)
class Heard:
    """New lines of history, and what the kinds of a batch have looked up already, by name."""

    place: Place
    lines: Sequence[HistoryEntry]
    looked_up: dict[str, Any] = field(default_factory=dict)


class Happening(ABC):
    """A kind of rule that tells of something each time it happens."""

    kind: ClassVar[RuleKind]
    form: ClassVar[type[ParamsForm]]
    about: ClassVar[str]
    lines: ClassVar[tuple[str, ...]]
    """The kinds of history that it looks at."""

    def listens_to(self, params: Params) -> Collection[str]:
        """The kinds of history that a rule with these parameters is about."""
        return self.lines

    @abstractmethod
    def happened(self, heard: Heard, params: Params) -> Sequence[Happened]:
        """What of the lines the rule is about, in their order. Looks up what it needs once per batch. In scope."""

    @abstractmethod
    def summary(self, params: Params) -> str:
        """The rule in a sentence."""

    @abstractmethod
    def words(self, place: Place, params: Params, happened: Happened) -> Words:
        """What is said of one. No query."""

    @abstractmethod
    def words_of_many(self, place: Place, params: Params, decision: Decision) -> Words:
        """What is said of those that a burst has left, in one message. No query."""
