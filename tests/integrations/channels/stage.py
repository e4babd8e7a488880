"""Channels over loopback peers that answer like Slack and Telegram, and a clock that the test moves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from billing.modes import Mode
from integrations.channels import Link, Message, Severity, deliver
from integrations.channels.sending import Clock, Visit, visit
from integrations.models import Channel, Delivery
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN
from tests.integrations.peers import Asked, Peer, Reply

HOOK_PATH = "/services/T0CANARY1/B0CANARY2/canaryhook" + "x" * 14
HOOK = f"https://hooks.slack.com{HOOK_PATH}"
BOT_TOKEN = "xoxb-" + "123456789012-canary-" + "b" * 24
TELEGRAM_TOKEN = "123456789:" + "canary-" + "t" * 28

OK_HOOK = Reply(body=b"ok", headers={"Content-Type": "text/html"})
OK_BOT = Reply(body={"ok": True, "channel": "C0000000001", "ts": "1503435956.000247"})
OK_TELEGRAM = Reply(body={"ok": True, "result": {"message_id": 42, "chat": {"id": 7}}})
HELLO = Message(
    "A payment failed",
    lines=("49.00 USD of Ada",),
    fields=(("Attempt", "2"),),
    link=Link("https://pq.example.com/w/acme/live/customers/cus_1/", "See the customer"),
    severity=Severity.WARNING,
)


def slack_error(error: str, status: int = 200) -> Reply:
    return Reply(status, {"ok": False, "error": error})


def hook_error(status: int, error: str, **headers: str) -> Reply:
    return Reply(status, error.encode(), {"Content-Type": "text/html", **headers})


def telegram_error(code: int, description: str, **parameters: Any) -> Reply:
    body = {"ok": False, "error_code": code, "description": description}
    return Reply(code, {**body, "parameters": parameters} if parameters else body)


class Provider:
    """A peer that is Slack and Telegram at once. `replies` are used up in turn; then it says that all is well.

    `meanwhile` happens before each answer, in a thread of its own.
    """

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.hang = 0.0
        self.peer = Peer(self._answer)

    def _answer(self, asked: Asked) -> Reply:
        if self.hang:
            time.sleep(self.hang)
        self.meanwhile()
        if self.replies:
            return self.replies.pop(0)
        if asked.path.startswith("/services/"):
            return OK_HOOK
        return OK_BOT if asked.path.startswith("/api/") else OK_TELEGRAM

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(asked.body) for asked in self.peer.asked]

    @property
    def titles(self) -> list[str]:
        """What each message that arrived was about, in Slack's or Telegram's words."""
        return [body["text"].split("\n")[0] for body in self.bodies]


@contextmanager
def provider(settings: Any) -> Iterator[Provider]:
    """The stand-in for both, and settings that lead to it."""
    standing = Provider()
    with standing.peer:
        settings.SLACK_API_BASE = settings.TELEGRAM_API_BASE = standing.peer.url
        yield standing


@dataclass
class Hands:
    """A clock that stands still until the test, or somebody's sleep, moves it."""

    at: datetime = THEN
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.at += timedelta(seconds=seconds)

    def move(self, **kwargs: float) -> None:
        self.at += timedelta(**kwargs)

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


def say(
    workspace: Workspace,
    *channels: Channel,
    key: str = "one",
    message: Message = HELLO,
    mode: Mode | None = Mode.LIVE,
    at: datetime = THEN,
) -> list[Delivery]:
    with scoped_transaction(workspace):
        return deliver(workspace.pk, mode, message, [fresh(channel) for channel in channels], key, at)


def go(channel: Channel, hands: Hands) -> Visit:
    with scope(channel.workspace_id):
        return visit(channel.workspace_id, channel.number, hands.clock)


def fresh(channel: Channel) -> Channel:
    with scoped_transaction(channel.workspace_id):
        return Channel.objects.get(pk=channel.pk)


def deliveries(workspace: Workspace) -> list[Delivery]:
    with scoped_transaction(workspace):
        return list(Delivery.objects.order_by("id"))


def fates(workspace: Workspace) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in deliveries(workspace)]
