"""What is done about an unpaid invoice, and when: the terms that a case begins with and keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import time
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo


class FallsTo(StrEnum):
    """What is left of an unpaid subscription's access once dunning has come to its end."""

    FREE = "free"
    NONE = "none"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of a case. Days count from the first failed attempt, at its time of day in `zone` (an IANA name).

    `at_once`: a decline that only the customer can mend is written about at once. `first_days`, `second_days`,
    `final_days`: when reminders follow; None leaves one out. From `quiet_from` to `quiet_until` (local times; both or
    none) no letter goes out. The team is told from attempt number `escalate_attempts` on (None: never by number), or
    as soon as more than `escalate_amounts` (minor units by currency) is owed.

    `grace_days` after the first failure, access falls to `falls_to`, provided that there were `downgrade_attempts`
    (None: however many) or Stripe announces no further one. `retry_watch`: look at the invoice after each announced
    attempt.
    """

    at_once: bool = True
    first_days: int | None = 3
    second_days: int | None = 7
    final_days: int | None = 10
    quiet_from: time | None = None
    quiet_until: time | None = None
    zone: str = "UTC"
    escalate_attempts: int | None = 3
    escalate_amounts: Mapping[str, int] = field(default_factory=dict)
    downgrade_attempts: int | None = 4
    grace_days: int = 14
    falls_to: FallsTo = FallsTo.FREE
    retry_watch: bool = True

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def document(self) -> dict[str, Any]:
        """As JSON, to be kept with a case."""
        found = {**asdict(self), "falls_to": str(self.falls_to), "escalate_amounts": dict(self.escalate_amounts)}
        for name in _TIMES:
            found[name] = None if found[name] is None else found[name].isoformat("minutes")
        return found

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that `document()` was of; what a document of an older release does not know has its default."""
        known = {f.name: document[f.name] for f in fields(cls) if f.name in document}
        for name in _TIMES:
            known[name] = None if known.get(name) is None else time.fromisoformat(known[name])
        if "falls_to" in known:
            known["falls_to"] = FallsTo(known["falls_to"])
        return cls(**known)


_TIMES: Final = ("quiet_from", "quiet_until")
