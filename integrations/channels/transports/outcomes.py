"""What can become of sending a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. `answer` is what it said."""

    answer: str


@dataclass(frozen=True, slots=True)
class Passing:
    """Not now. `retry_after` (seconds) is how long the provider asks to be left alone; None: it did not say.

    `may_have_arrived`: the message was on its way when the connection was lost. `server`: it says nothing of this
    message or its recipient; others would fare no better now.
    """

    reason: str
    retry_after: float | None = None
    may_have_arrived: bool = False
    server: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """Never. `breaks` the channel, unless only this message was at fault."""

    reason: str
    breaks: bool = True


@dataclass(frozen=True, slots=True)
class Moved:
    """The target has a new name (a Telegram group became a supergroup): send it there, from now on."""

    target: str


Outcome = Sent | Passing | Permanent | Moved
