"""What each answer of Slack, Telegram and a mail server means, over real HTTP and SMTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.core import mail

from integrations.channels.transports import TRANSPORTS, Moved, Outcome, Passing, Permanent, Sent
from integrations.channels.transports import web as web_transport
from integrations.channels.transports.email import post
from integrations.channels.transports.telegram import CannotAsk, Chat, chats_of
from tests.integrations.channels.stage import (
    BOT_TOKEN,
    HELLO,
    HOOK,
    HOOK_PATH,
    TELEGRAM_TOKEN,
    Provider,
    hook_error,
    provider,
    slack_error,
    telegram_error,
)
from tests.integrations.peers import Reply
from tests.smtp import mail_server

WEBHOOK, BOT, TELEGRAM, EMAIL = (TRANSPORTS[kind] for kind in ("slack_webhook", "slack_bot", "telegram", "email"))


@pytest.fixture
def outside(settings: Any) -> Iterator[Provider]:
    with provider(settings) as standing:
        yield standing


def hook() -> Outcome:
    return WEBHOOK.send(HOOK, "", WEBHOOK.render(HELLO))


def bot() -> Outcome:
    return BOT.send(BOT_TOKEN, "C0123456789", BOT.render(HELLO))


def telegram(chat: str = "-1001") -> Outcome:
    return TELEGRAM.send(TELEGRAM_TOKEN, chat, TELEGRAM.render(HELLO))


def test_what_is_asked_of_slack_and_telegram(outside: Provider) -> None:
    assert [hook(), bot(), telegram(), telegram("@alerts")] == [
        Sent("ok"),
        Sent("ok, message 1503435956.000247"),
        Sent("ok, message 42"),
        Sent("ok, message 42"),
    ]
    first, second, third, fourth = outside.peer.asked
    assert (first.method, first.path) == ("POST", HOOK_PATH)
    assert json.loads(first.body) == WEBHOOK.render(HELLO)
    assert (second.method, second.path) == ("POST", "/api/chat.postMessage")
    assert second.headers["Authorization"] == f"Bearer {BOT_TOKEN}"
    assert json.loads(second.body) == {"channel": "C0123456789", **BOT.render(HELLO)}
    assert (third.method, third.path) == ("POST", f"/bot{TELEGRAM_TOKEN}/sendMessage")
    assert json.loads(third.body) == {"chat_id": -1001, **TELEGRAM.render(HELLO)}
    assert json.loads(fourth.body)["chat_id"] == "@alerts"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (hook_error(429, "rate_limited", **{"Retry-After": "30"}), Passing("Slack asks to slow down.", 30)),
        (hook_error(500, "rollup_error"), Passing("Slack: rollup_error")),
        (hook_error(503, ""), Passing("Slack: 503")),
        (hook_error(400, "invalid_payload"), Permanent("Slack: invalid_payload", breaks=False)),
        (hook_error(400, "user_not_found"), Permanent("Slack: user_not_found")),
        (hook_error(403, "action_prohibited"), Permanent("Slack: action_prohibited")),
        (hook_error(404, "no_service"), Permanent("Slack: The webhook was removed at Slack. (no_service)")),
        (hook_error(410, "channel_is_archived"), Permanent("Slack: The channel is archived. (channel_is_archived)")),
        (hook_error(404, "<html>lost"), Permanent("Slack: <html>lost")),
        (
            hook_error(302, "", Location="http://127.0.0.1:9/elsewhere"),
            Permanent("Slack: answered with a redirect (302), which is not followed."),
        ),
        (hook_error(200, "not ok"), Passing("Slack: not ok")),
    ],
    ids=lambda value: getattr(value, "body", b"").decode() if isinstance(value, Reply) else "",
)
def test_answers_to_a_webhook(outside: Provider, reply: Reply, outcome: Outcome) -> None:
    outside.replies = [reply]
    assert hook() == outcome
    assert len(outside.peer.asked) == 1


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (
            Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "7"}),
            Passing("Slack asks to slow down.", 7),
        ),
        (slack_error("internal_error"), Passing("Slack: internal_error")),
        (slack_error("never_heard_of"), Passing("Slack: never_heard_of")),
        (slack_error("invalid_blocks"), Permanent("Slack: invalid_blocks", breaks=False)),
        (
            slack_error("not_in_channel"),
            Permanent("Slack: The bot is not in the channel. Invite it there. (not_in_channel)"),
        ),
        (slack_error("invalid_auth"), Permanent("Slack: Slack does not accept the token. (invalid_auth)")),
        (Reply(500, b"oops"), Passing("Slack: oops")),
        (Reply(200, b"[1]"), Passing("Slack: [1]")),
    ],
)
def test_answers_to_a_bot(outside: Provider, reply: Reply, outcome: Outcome) -> None:
    outside.replies = [reply]
    assert bot() == outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (
            telegram_error(429, "Too Many Requests: retry after 5", retry_after=5),
            Passing("Telegram asks to slow down.", 5),
        ),
        (
            telegram_error(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009),
            Moved("-1009"),
        ),
        (telegram_error(400, "Bad Request: chat not found"), Permanent("Telegram: Bad Request: chat not found")),
        (
            telegram_error(400, "Bad Request: can't parse entities: x"),
            Permanent("Telegram: Bad Request: can't parse entities: x", breaks=False),
        ),
        (telegram_error(401, "Unauthorized"), Permanent("Telegram: Unauthorized")),
        (
            telegram_error(403, "Forbidden: bot was kicked from the group chat"),
            Permanent("Telegram: Forbidden: bot was kicked from the group chat"),
        ),
        (telegram_error(502, "Bad Gateway"), Passing("Telegram: Bad Gateway")),
        (Reply(500, b"<html>"), Passing("Telegram: <html>")),
    ],
)
def test_answers_of_telegram(outside: Provider, reply: Reply, outcome: Outcome) -> None:
    outside.replies = [reply]
    assert telegram() == outcome


def test_retry_after_may_be_a_date(outside: Provider) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    outside.replies = [hook_error(429, "", **{"Retry-After": then}), hook_error(429, "", **{"Retry-After": "soon"})]
    first, second = hook(), hook()
    assert isinstance(first, Passing)
    assert first.retry_after is not None
    assert 80 < first.retry_after <= 90
    assert second == Passing("Slack asks to slow down.")


def test_who_hangs_is_left_in_time(outside: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_transport, "TOTAL_SECONDS", 0.3)
    outside.hang = 2
    began = time.monotonic()
    assert hook() == Passing("Slack: There was no answer in time.", may_have_arrived=True)
    assert telegram() == Passing("Telegram: There was no answer in time.", may_have_arrived=True)
    assert time.monotonic() - began < 1.5


def test_who_is_not_there_got_nothing(settings: Any) -> None:
    settings.SLACK_API_BASE = settings.TELEGRAM_API_BASE = "http://127.0.0.1:9"
    assert hook() == Passing("Slack: No connection could be made.")
    assert telegram() == Passing("Telegram: No connection could be made.")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T0/B0/abcdefgh12",
        "https://hooks.slack.com.evil.example/services/T0/B0/abcdefgh12",
        "https://hooks.slack.com@evil.example/services/T0/B0/abcdefgh12",
        "https://evil.example/services/T0/B0/abcdefgh12",
        "https://hooks.slack.com:8443/services/T0/B0/abcdefgh12",
        "https://hooks.slack.com/services/T0/B0/abcdefgh12?x=1",
        "https://hooks.slack.com/services/T0/B0/../../abcdefgh12",
        "https://hooks.slack.com/services/T0/B0/abcdefgh12\n",
        "https://hooks.slack.com/workflows/T0/B0/abcdefgh12",
        "https://HOOKS.slack.com/services/T0/B0/abcdefgh12",
        "https://169.254.169.254/services/T0/B0/abcdefgh12",
        "file:///etc/passwd",
    ],
)
def test_nothing_but_slack_is_reached(outside: Provider, url: str) -> None:
    assert WEBHOOK.send(url, "", {}) == Permanent("This is not a webhook URL of Slack’s.")
    assert outside.peer.connections == 0


def test_a_token_that_would_change_the_address_is_refused(outside: Provider) -> None:
    assert TELEGRAM.send("123456789:../../x?" + "y" * 25, "1", {}) == Permanent("This is not a bot’s token.")
    assert outside.peer.connections == 0


def test_finding_chats(outside: Provider) -> None:
    updates = [
        {"update_id": 1, "message": {"chat": {"id": 7, "first_name": "Ada", "last_name": "L", "type": "private"}}},
        {"update_id": 2, "my_chat_member": {"chat": {"id": -1001, "title": "Ops <b>", "type": "supergroup"}}},
        {"update_id": 3, "message": {"chat": {"id": 7, "first_name": "Ada", "type": "private"}}},
        {"update_id": 4, "poll": {"id": "x"}},
        "nonsense",
    ]
    outside.replies = [Reply(body={"ok": True, "result": updates})]
    assert chats_of(TELEGRAM_TOKEN) == [Chat("7", "Ada", "private"), Chat("-1001", "Ops <b>", "supergroup")]
    assert outside.peer.asked[0].path == f"/bot{TELEGRAM_TOKEN}/getUpdates"
    outside.replies = [telegram_error(409, "Conflict: can't use getUpdates method while webhook is active")]
    with pytest.raises(CannotAsk, match="type the chat’s id instead"):
        chats_of(TELEGRAM_TOKEN)
    outside.replies = [telegram_error(401, "Unauthorized")]
    with pytest.raises(CannotAsk, match="Telegram: Unauthorized"):
        chats_of(TELEGRAM_TOKEN)


# Email ---------------------------------------------------------------------------------------------------------------


def email(to: str = "ops@example.com") -> Outcome:
    return EMAIL.send("", to, EMAIL.render(HELLO))


def test_mail_over_smtp(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as box:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        assert email() == Sent("Accepted by the mail server.")
        (arrived,) = box.mails
        assert arrived["Auto-Submitted"] == "auto-generated"
        assert (arrived["Subject"], arrived["To"]) == ("Warning: A payment failed", "ops@example.com")
        assert [part.get_content_type() for part in arrived.iter_parts()] == ["text/plain", "text/html"]
        box.refuse = True
        assert email() == Permanent("The mail server: 550 No such mailbox")
    assert email() == Passing("The mail server cannot be reached.", server=True)


def test_what_cannot_be_a_mail_is_refused_and_not_raised(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert post(mail.EmailMessage("One\nTwo", "x", to=["ops@example.com"])) == Permanent(
        "This cannot be made a mail.", breaks=False
    )
    assert mail.outbox == []


def test_an_address_cannot_bring_a_header(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert isinstance(email("ops@example.com\r\nBcc: all@example.com"), Permanent)
    assert mail.outbox == []
