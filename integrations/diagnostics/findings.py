"""What answers are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What an answer amounts to."""

    OK = "ok"
    LOOK = "look"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, and what to do about it."""

    tone: Tone
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a question: its line, and what else was found."""

    line: Finding
    also: tuple[Finding, ...] = ()

    @property
    def tone(self) -> Tone:
        return self.line.tone

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.line, *self.also)


def verdict(found: Iterable[Finding], otherwise: Finding) -> Verdict:
    """The answer that the findings make, those to look at first; `otherwise` where there are none."""
    findings = sorted(found, key=lambda finding: finding.tone is not Tone.LOOK)
    return Verdict(findings[0], tuple(findings[1:])) if findings else Verdict(otherwise)
