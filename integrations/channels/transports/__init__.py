"""One small class a provider: how a message looks there, and what became of sending it."""

from __future__ import annotations

from typing import Any, Final, Protocol

from integrations.models import ChannelKind
from pqintel.queue import Outsider

from ..message import Message
from .email import Email
from .outcomes import Moved, Outcome, Passing, Permanent, Sent
from .slack import Bot, Webhook
from .telegram import Telegram

__all__ = ["TRANSPORTS", "Moved", "Outcome", "Passing", "Permanent", "Sent", "Transport"]


class Transport(Protocol):
    """A way to send. `send` takes ten seconds at most, raises nothing, and must run outside a transaction."""

    outsider: Outsider
    """Who is asked; of one that hangs, a worker keeps its other processes away."""

    def pace_of(self, target: str) -> float:
        """Seconds that have to lie between two messages to this target."""

    def render(self, message: Message) -> dict[str, Any]:
        """The payload, without the target and without secrets."""

    def send(self, secret: str, target: str, payload: dict[str, Any]) -> Outcome:
        """Send a rendered payload."""


TRANSPORTS: Final[dict[str, Transport]] = {
    ChannelKind.SLACK_WEBHOOK: Webhook(),
    ChannelKind.SLACK_BOT: Bot(),
    ChannelKind.TELEGRAM: Telegram(),
    ChannelKind.EMAIL: Email(),
}
