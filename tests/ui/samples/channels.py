"""Channels: none yet, some in every state, one of each that looks different, and the forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms

from .shell import NOW, USER, WORKSPACE, Page, nav

KINDS = [
    ("slack_webhook", "Slack webhook"),
    ("slack_bot", "Slack bot"),
    ("telegram", "Telegram"),
    ("email", "Email"),
]


class BotForm(forms.Form):
    """The fields of a bot's form."""

    name = forms.CharField(help_text="How this channel is called here.")
    token = forms.CharField(label="Bot token", widget=forms.PasswordInput, help_text="It begins xoxb-")
    channel = forms.CharField(label="Channel id", help_text="For example C0123456789.")


class ChatForm(forms.Form):
    """A chat's id."""

    chat = forms.CharField(label="Chat id", help_text="A number, negative for groups; or @name.")


def channel(number: int, kind: int, name: str, target: str, state: str = "ok", reason: str = "") -> SimpleNamespace:
    return SimpleNamespace(
        number=number,
        name=name,
        target=target,
        state=state,
        reason=reason,
        kind=KINDS[kind][0],
        get_kind_display=KINDS[kind][1],
        since=NOW - timedelta(days=3),
        last_sent_at=NOW - timedelta(minutes=4) if state == "ok" else None,
        created_by="ada@northwind.example",
    )


OPS = channel(1, 1, "Operations", "C0123456789")
FINANCE = channel(2, 0, "Finance", "…x7Qz", "broken", "Slack: The webhook was removed at Slack. (no_service)")
CHAT = channel(3, 2, "Founders", "", "unconfirmed", "No chat is chosen yet.")
MAIL = channel(4, 3, "Accounting", "accounting@northwind.example", "unconfirmed", "The address is not confirmed yet.")


def line(title: str, state: str, tone: str, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "channel": "Operations",
        "number": 1,
        "state": state,
        "tone": tone,
        "detail": detail,
        "tries": 1,
        "created_at": NOW - timedelta(minutes=9),
        "at": None,
        "next_attempt_at": None,
        "possible_duplicate": False,
        **more,
    }


LINES = [
    line("[Test mode] A payment failed", "Waiting", "", "Slack: internal_error", tries=4, next_attempt_at=NOW),
    line("Critical: MRR is down by 12 %", "Held", "warn", "The channel is broken.", channel="Finance", number=2),
    line("A payment failed", "Sent", "good", "ok, message 1503435956.000247", at=NOW - timedelta(minutes=8)),
    line("A payment failed", "Sent", "good", "ok", at=NOW - timedelta(hours=2), possible_duplicate=True),
    line("A payment failed", "Failed", "bad", "Slack: invalid_blocks"),
    line("A payment failed", "Skipped", "", "The channel was removed.", channel="Old", number=0),
]


def page(template: str, **context: Any) -> Page:
    base = {"nav": nav(section="channels"), "user": USER, "deliveries": [], "older": None, "first_page": True}
    return Page(f"integrations/{template}.html", {**base, **context})


def one(shown: SimpleNamespace, **context: Any) -> Page:
    base = {"channel": shown, "may_configure": True, "wants_chat": shown is CHAT, "chats": None}
    return page("channel", **{**base, "chat_form": ChatForm(), **context})


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    yield "channels-none", page("channels", channels=[], kinds=KINDS)
    full = {"channels": [OPS, FINANCE, CHAT, MAIL], "kinds": KINDS, "deliveries": LINES, "older": 17}
    yield "channels", page("channels", **full)
    yield "channels-viewer", page("channels", **full, nav=nav(section="channels", may_all=False))
    yield "channel", one(OPS, deliveries=LINES[2:5])
    yield "channel-broken", one(FINANCE, deliveries=LINES[1:2])
    chats = [{"id": "-1001234567890", "title": "Founders & friends", "kind": "supergroup"}]
    yield "channel-chat", one(CHAT, chats=chats)
    yield "channel-chat-none", one(CHAT, chats=[])
    yield "channel-address", one(MAIL)
    wrong = BotForm({"name": "Operations", "token": "x", "channel": "#ops"})
    wrong.add_error("token", "This is not a token of Slack’s. A bot’s begins xoxb-.")
    wrong.add_error("channel", "This is the channel’s name. Its id looks like C0123456789.")
    wrong.add_error(None, "There are 25 channels already. Remove one that is not needed.")
    kind = {"kind": "slack_bot", "kind_label": "Slack bot"}
    yield "channel-add", page("channel_add", form=BotForm(), **kind)
    yield "channel-add-wrong", page("channel_add", form=wrong, **kind)
    for name, words in {
        "ready": {"channel": MAIL, "confirmed": False},
        "done": {"channel": MAIL, "confirmed": True},
        "wrong": {"channel": None},
    }.items():
        yield f"channel-confirm-{name}", Page("integrations/channel_confirm.html", {"workspace": WORKSPACE, **words})
