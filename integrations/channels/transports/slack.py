"""Slack, by an incoming webhook or by a bot's token and a channel.

Both take the same blocks. Everything that comes from outside has `& < >` escaped and is `verbatim`, so that neither
`<!channel>` nor a bare URL in a customer's name does anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from pqintel.queue import Outsider

from ..message import Message
from .fitting import fit
from .outcomes import Outcome, Passing, Permanent, Sent
from .web import Answer, NoAnswer, ask

SLACK: Final = "https://slack.com"
HOOKS: Final = "https://hooks.slack.com"
WEBHOOK: Final = re.compile(r"https://hooks\.slack\.com(/services/T[A-Z0-9]{1,30}/B[A-Z0-9]{1,30}/[A-Za-z0-9]{8,80})")

MOST_BLOCKS: Final = 50
MOST_FIELDS: Final = 10
LONGEST_SECTION: Final = 3000
LONGEST_FIELD: Final = 2000
LONGEST_TITLE: Final = 300

# A message that Slack cannot read says nothing about the channel.
MESSAGE_AT_FAULT: Final = frozenset(
    {"invalid_payload", "no_text", "invalid_blocks", "invalid_blocks_format", "msg_too_long", "invalid_arguments"}
)
BREAKING: Final = frozenset(
    {
        # incoming webhooks
        "user_not_found", "action_prohibited", "channel_not_found", "channel_is_archived", "no_service",
        "no_service_id", "invalid_token", "no_active_hooks", "no_team", "team_disabled",
        "posting_to_general_channel_denied",
        # chat.postMessage
        "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission",
        "missing_scope", "not_allowed_token_type", "not_in_channel", "is_archived", "restricted_action",
        "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel", "team_access_not_granted", "ekm_access_denied",
        "org_login_required", "access_denied", "cannot_reply_to_message", "team_not_found",
    }
)  # fmt: skip
WORDS: Final = {
    "channel_not_found": "Slack knows no such channel, or the app may not see it.",
    "channel_is_archived": "The channel is archived.",
    "is_archived": "The channel is archived.",
    "no_service": "The webhook was removed at Slack.",
    "no_service_id": "The webhook was removed at Slack.",
    "no_active_hooks": "The webhook was removed at Slack.",
    "invalid_token": "The webhook was revoked at Slack.",
    "invalid_auth": "Slack does not accept the token.",
    "token_revoked": "The token was revoked at Slack.",
    "account_inactive": "The bot was removed from the workspace at Slack.",
    "not_in_channel": "The bot is not in the channel. Invite it there.",
    "missing_scope": "The bot lacks the scope chat:write.",
}


class Webhook:
    """An incoming webhook: its URL is the secret, and says where the message goes."""

    outsider = Outsider.SLACK
    pace = 1.0

    def pace_of(self, target: str) -> float:
        return self.pace

    def render(self, message: Message) -> dict[str, Any]:
        return blocks_of(message)

    def send(self, secret: str, target: str, payload: dict[str, Any]) -> Outcome:
        """Post it. Only the URL's path is used: the host is Slack's, or that of SLACK_API_BASE."""
        path = WEBHOOK.fullmatch(secret)
        if path is None:
            return Permanent("This is not a webhook URL of Slack’s.")
        host = HOOKS if settings.SLACK_API_BASE == SLACK else settings.SLACK_API_BASE
        try:
            answer = ask(f"{host}{path[1]}", payload)
        except NoAnswer as silence:
            return Passing(f"Slack: {silence}", may_have_arrived=silence.sent)
        if answer.status == 200 and answer.text == "ok":
            return Sent("ok")
        return _refused(answer, answer.text)


class Bot:
    """A bot's token and the id of a channel that it may write to."""

    outsider = Outsider.SLACK
    pace = 1.0

    def pace_of(self, target: str) -> float:
        return self.pace

    def render(self, message: Message) -> dict[str, Any]:
        return {**blocks_of(message), "unfurl_links": False, "unfurl_media": False}

    def send(self, secret: str, target: str, payload: dict[str, Any]) -> Outcome:
        """Call chat.postMessage. Slack answers 200 to most mistakes and names them in `error`."""
        url = f"{settings.SLACK_API_BASE}/api/chat.postMessage"
        try:
            answer = ask(url, {"channel": target, **payload}, headers={"Authorization": f"Bearer {secret}"})
        except NoAnswer as silence:
            return Passing(f"Slack: {silence}", may_have_arrived=silence.sent)
        if answer.status == 200 and answer.json.get("ok") is True:
            return Sent(f"ok, message {answer.json.get('ts', '')}".strip())
        return _refused(answer, str(answer.json.get("error") or answer.text))


def blocks_of(message: Message) -> dict[str, Any]:
    """The message as blocks, with the text that notifications and old clients show."""
    heading = _fit(message.heading)
    blocks = [_section(f"*{heading}*")]
    blocks += [_section(text) for text in _sections(message.lines)]
    for first in range(0, len(message.fields), MOST_FIELDS):
        fields = [_field(label, value) for label, value in message.fields[first : first + MOST_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    links = " · ".join(f"<{escape(link.url)}|{_label(link.label)}>" for link in message.links)
    end = [_section(links)] if links else []
    if message.workspace:
        end.append({"type": "context", "elements": [_text(f"Workspace: {_fit(message.origin)}")]})
    return {"text": heading + _fit(message.signature), "blocks": [*blocks[: MOST_BLOCKS - len(end)], *end]}


def escape(text: str) -> str:
    """Slack's three special characters; with them escaped, mentions and links are only text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fit(text: str) -> str:
    return fit(text, LONGEST_TITLE, escape)


def _label(text: str) -> str:
    return _fit(text).replace("|", "¦")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _field(label: str, value: str) -> dict[str, Any]:
    head = f"*{_fit(label)}*\n"
    text = head + fit(value, LONGEST_FIELD - len(head), escape)
    return _text(text)


def _sections(lines: tuple[str, ...]) -> Iterator[str]:
    """The lines, as few texts as their limit allows."""
    text = ""
    for line in lines:
        piece = fit(line, LONGEST_SECTION, escape)
        if text and len(text) + 1 + len(piece) > LONGEST_SECTION:
            yield text
            text = piece
        else:
            text = f"{text}\n{piece}" if text else piece
    if text:
        yield text


def _refused(answer: Answer, error: str) -> Outcome:
    error = error.strip() or str(answer.status)
    said = f"Slack: {WORDS[error]} ({error})" if error in WORDS else f"Slack: {error[:200]}"
    if answer.wants_a_pause or error in ("ratelimited", "rate_limited", "message_limit_exceeded"):
        return Passing("Slack asks to slow down.", answer.retry_after)
    if error in MESSAGE_AT_FAULT:
        return Permanent(said, breaks=False)
    if error in BREAKING:
        return Permanent(said)
    if 300 <= answer.status < 400:
        return Permanent(f"Slack: answered with a redirect ({answer.status}), which is not followed.")
    if answer.status in (401, 403, 404, 410):
        return Permanent(said)
    return Passing(said, answer.retry_after)
