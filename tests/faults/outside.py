"""Whom the product writes to: Slack, Telegram and a mail server, on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.integrations.channels.stage import OK_BOT, OK_HOOK, OK_TELEGRAM
from tests.integrations.peers import Asked, Peer, Reply
from tests.smtp import Mailbox


@dataclass(frozen=True)
class Outside:
    """`messengers` is Slack and Telegram at once; a test may give it another `answer`."""

    messengers: Peer
    post: Mailbox

    @property
    def heard(self) -> int:
        """How many messages have come, wherever."""
        return len(self.messengers.asked) + len(self.post.mails)


def well(asked: Asked) -> Reply:
    """All is well."""
    if asked.path.startswith("/services/"):
        return OK_HOOK
    return OK_BOT if asked.path.startswith("/api/") else OK_TELEGRAM


def place_of(asked: Asked) -> str:
    """The name of a webhook, or the id of a chat."""
    found = asked.path.rpartition("/")[2].rstrip("x")
    return str(json.loads(asked.body)["chat_id"]) if found == "sendMessage" else found
