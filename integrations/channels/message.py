"""What is said, before it is known where: our own structure, which each transport renders its way."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from billing.modes import Mode

# With those that turn the direction of what follows: a customer's name must not change how an amount beside it reads.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028-\u202e\u2066-\u2069]+")
_CONTROL_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028-\u202e\u2066-\u2069]+")
# What programs look for where they make links of text: hosts, addresses, mentions, commands.
_MAKES_LINKS: Final = re.compile(r"(?<=[.:/@#])(?=\S)")
_BREAK: Final = "\N{ZERO WIDTH SPACE}"
_LINK: Final = re.compile(r"https?://[^\s<>\"|\\^`{}]+")


class Severity(StrEnum):
    """How much a message matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def label(self) -> str:
        return "" if self is Severity.INFO else self.value.title()


@dataclass(frozen=True, slots=True)
class Link:
    """Where a message leads. `url` is absolute, http or https.

    Raises:
        ValueError: it is not.
    """

    url: str
    label: str

    def __post_init__(self) -> None:
        if not _LINK.fullmatch(self.url):
            raise ValueError("A message's link is an absolute http(s) URL without spaces or brackets.")
        object.__setattr__(self, "label", _one_line(self.label))


@dataclass(frozen=True, slots=True)
class Message:
    """A title, lines of text, fields with a label each, a link, and perhaps a second one to the same thing elsewhere.

    Any text will do: names come from Stripe.

    Control characters become spaces, so that no title ever breaks a header and PostgreSQL takes every message. `mode`
    is set by `deliver`; a message of test mode says so. `workspace` is set as it is sent (`signed`): several workspaces
    may write to one place. A message that `names_workspace` in its own words is not signed.
    """

    title: str
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    link: Link | None = None
    severity: Severity = Severity.INFO
    mode: Mode | None = None
    also: Link | None = None
    names_workspace: bool = False
    workspace: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", _one_line(self.title))
        object.__setattr__(self, "lines", tuple(_CONTROL_IN_LINES.sub(" ", _valid(line)) for line in self.lines))
        fields = tuple((_one_line(label), _one_line(value)) for label, value in self.fields)
        object.__setattr__(self, "fields", fields)

    @property
    def links(self) -> tuple[Link, ...]:
        """Where it leads, the most important first."""
        return tuple(link for link in (self.link, self.also) if link is not None)

    @property
    def heading(self) -> str:
        """The title with what has to be said before it: test mode, severity."""
        marks = ["[Test mode]"] if self.mode == Mode.TEST else []
        if self.severity.label:
            marks.append(f"{self.severity.label}:")
        return " ".join([*marks, self.title])

    @property
    def signature(self) -> str:
        """What follows the heading where nothing else is seen, in notifications and lists of mails: whose it is."""
        return f" · {self.workspace}" if self.workspace else ""

    @property
    def origin(self) -> str:
        """The workspace's name, with invisible breaks where a program would make a link of it; "" without signature."""
        return _MAKES_LINKS.sub(_BREAK, self.workspace)

    def signed(self, workspace: str) -> Message:
        """The message with the name of the workspace that it comes from, unless it says that itself."""
        return self if self.names_workspace else replace(self, workspace=_one_line(workspace))

    def document(self) -> dict[str, Any]:
        """As JSON, for the outbox: everything but the workspace, which has its present name as it is sent."""
        return {
            "title": self.title,
            "lines": list(self.lines),
            "fields": [list(field) for field in self.fields],
            "link": _document(self.link),
            "also": _document(self.also),
            "severity": self.severity.value,
            "mode": None if self.mode is None else self.mode.value,
            "names_workspace": self.names_workspace,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Message:
        """The message that `document()` was of. What was added to it later may be missing: messages wait for days."""
        return cls(
            title=document["title"],
            lines=tuple(document["lines"]),
            fields=tuple((label, value) for label, value in document["fields"]),
            link=_link(document["link"]),
            also=_link(document.get("also")),
            severity=Severity(document["severity"]),
            mode=None if document["mode"] is None else Mode(document["mode"]),
            names_workspace=document.get("names_workspace", False),
        )


def _document(link: Link | None) -> dict[str, str] | None:
    return None if link is None else {"url": link.url, "label": link.label}


def _link(document: dict[str, str] | None) -> Link | None:
    return None if document is None else Link(document["url"], document["label"])


def _valid(text: str) -> str:
    """Without lone surrogates, which are no text that anybody takes."""
    return text.encode("utf-8", "replace").decode()


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", _valid(text)).strip()
