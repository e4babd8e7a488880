"""Telegram, by a bot's token and the id of a chat."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from pqintel.queue import Outsider

from ..message import Message
from .fitting import fit, units
from .outcomes import Moved, Outcome, Passing, Permanent, Sent
from .web import Answer, NoAnswer, ask

TOKEN: Final = re.compile(r"\d{6,20}:[\w-]{35}", re.ASCII)
LONGEST: Final = 4096
LONGEST_TITLE: Final = 300
LONGEST_LABEL: Final = 100
PACE: Final = 1.0
GROUP_PACE: Final = 3.0
"""Twenty a minute in a group. Thirty a second over all chats of a bot cannot come about: `roster.MOST_CHANNELS`."""

# What a 400 says of the message, not of the chat.
_MESSAGE_AT_FAULT: Final = ("can't parse entities", "message is too long", "message text is empty")


class Telegram:
    """sendMessage, as HTML with everything escaped."""

    outsider = Outsider.TELEGRAM

    def pace_of(self, target: str) -> float:
        """Seconds between two messages. Groups and channels have negative ids, or names."""
        return GROUP_PACE if target.startswith(("-", "@")) else PACE

    def render(self, message: Message) -> dict[str, Any]:
        return {"text": html_of(message), "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}

    def send(self, secret: str, target: str, payload: dict[str, Any]) -> Outcome:
        if not TOKEN.fullmatch(secret):
            return Permanent("This is not a bot’s token.")
        chat: int | str = int(target) if target.lstrip("-").isdigit() else target
        try:
            answer = ask(method(secret, "sendMessage"), {"chat_id": chat, **payload})
        except NoAnswer as silence:
            return Passing(f"Telegram: {silence}", may_have_arrived=silence.sent)
        if answer.json.get("ok") is True:
            result = answer.json.get("result")
            number = result.get("message_id", "") if isinstance(result, dict) else ""
            return Sent(f"ok, message {number}".strip())
        return _refused(answer)


def html_of(message: Message) -> str:
    """The message in the HTML that Telegram knows, 4,096 units at most; links and workspace never fall away."""
    head = f"<b>{fit(message.heading, LONGEST_TITLE, html.escape)}</b>"
    links = [
        f'<a href="{html.escape(link.url)}">{fit(link.label, LONGEST_TITLE, html.escape)}</a>' for link in message.links
    ]
    tail = "\n\n" + " · ".join(links) if links else ""
    if message.workspace:
        tail += f"\n\n<i>Workspace: {fit(message.origin, LONGEST_TITLE, html.escape)}</i>"
    room = LONGEST - units(head) - units(tail)
    body = ""
    for start, text in _parts(message):
        left = room - units(body) - units(start)
        if left < 2:
            break
        body += start + fit(text, left, html.escape)
    return head + body + tail


def method(token: str, name: str) -> str:
    """The URL of a method. It contains the token: never to be logged."""
    return f"{settings.TELEGRAM_API_BASE}/bot{token}/{name}"


def _parts(message: Message) -> list[tuple[str, str]]:
    """Markup, and the text after it, line by line."""
    parts = [("\n", line) for line in message.lines]
    labels = [f"\n<b>{fit(label, LONGEST_LABEL, html.escape)}:</b> " for label, _ in message.fields]
    fields = [(label, value) for label, (_, value) in zip(labels, message.fields, strict=True)]
    return [
        (f"\n{start}" if place == 0 else start, text)
        for some in (parts, fields)
        for place, (start, text) in enumerate(some)
    ]


def _refused(answer: Answer) -> Outcome:
    found = answer.json.get("parameters")
    parameters: dict[str, Any] = found if isinstance(found, dict) else {}
    said = f"Telegram: {str(answer.json.get('description') or answer.text or answer.status)[:200]}"
    moved = parameters.get("migrate_to_chat_id")
    if isinstance(moved, int):
        return Moved(str(moved))
    if answer.wants_a_pause:
        wait = parameters.get("retry_after")
        return Passing("Telegram asks to slow down.", float(wait) if isinstance(wait, int) else answer.retry_after)
    if answer.status == 400 and any(words in said for words in _MESSAGE_AT_FAULT):
        return Permanent(said, breaks=False)
    if answer.status in (400, 401, 403, 404):
        return Permanent(said)
    if 300 <= answer.status < 400:
        return Permanent(f"Telegram: answered with a redirect ({answer.status}), which is not followed.")
    return Passing(said, answer.retry_after)


# Finding the chat ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat in which the bot was spoken to."""

    id: str
    title: str
    kind: str


class CannotAsk(Exception):  # noqa: N818 - it names the outcome
    """Telegram did not tell the bot's chats; the text says why and what to do."""


def chats_of(token: str) -> list[Chat]:
    """The chats of the bot's latest updates, the newest first. Confirms nothing, so that asking again finds them again.

    Raises:
        CannotAsk
    """
    try:
        answer = ask(method(token, "getUpdates"), {"timeout": 0, "limit": 100})
    except NoAnswer as silence:
        raise CannotAsk(f"Telegram: {silence} Try again.") from None
    if answer.json.get("ok") is not True:
        said = str(answer.json.get("description") or answer.status)[:200]
        if answer.status == 409:
            said += ". The bot is used elsewhere: type the chat’s id instead."
        raise CannotAsk(f"Telegram: {said}")
    updates = answer.json.get("result")
    found: dict[str, Chat] = {}
    for update in reversed(updates if isinstance(updates, list) else []):
        if (chat := _chat_in(update)) is not None:
            found.setdefault(chat.id, chat)
    return list(found.values())


def _chat_in(update: Any) -> Chat | None:
    """The chat that an update (a message, a post, the bot being added) is about."""
    if not isinstance(update, dict):
        return None
    for content in update.values():
        chat = content.get("chat") if isinstance(content, dict) else None
        if isinstance(chat, dict) and isinstance(chat.get("id"), int):
            names = [str(chat[name]) for name in ("title", "first_name", "last_name") if chat.get(name)]
            return Chat(str(chat["id"]), " ".join(names)[:120] or str(chat["id"]), str(chat.get("type", ""))[:20])
    return None
