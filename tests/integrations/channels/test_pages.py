"""Settings › Integrations › Channels: who sees and does what, what is said about mistakes, and the ways to a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from integrations.channels import roster
from integrations.channels.forms import FORMS
from integrations.models import Channel, ChannelKind, ChannelState, Delivery, DeliveryState
from pqintel.vault.scrub import ScrubFilter
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.conftest import MemberClient
from tests.factories import ChannelFactory, DeliveryFactory, WorkspaceFactory
from tests.integrations.channels.stage import (
    BOT_TOKEN,
    HOOK,
    TELEGRAM_TOKEN,
    Hands,
    Provider,
    deliveries,
    fates,
    fresh,
    go,
    provider,
    say,
    slack_error,
)
from tests.integrations.peers import Reply
from tests.integrations.test_connection_page_canary import database_dump, found

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/settings/integrations/channels/"
HTMX = {"HX-Request": "true"}
GOOD = {
    "slack_webhook": {"name": "Ops", "url": HOOK},
    "slack_bot": {"name": "Ops", "token": BOT_TOKEN, "channel": "C0123456789"},
    "telegram": {"name": "Ops", "token": TELEGRAM_TOKEN, "chat": "-1001"},
    "email": {"name": "Ops", "address": "ops@example.com"},
}


@pytest.fixture
def outside(settings: Any) -> Iterator[Provider]:
    with provider(settings) as standing:
        yield standing


def all_of(workspace: Workspace) -> list[Channel]:
    with scoped_transaction(workspace):
        return list(Channel.objects.order_by("number"))


def text_of(response: Any) -> str:
    return unescape(" ".join(response.content.decode().split()))


# Adding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_a_channel_of_every_kind(
    workspace: Workspace, admin_client: Client, outside: Provider, kind: str, headers: dict[str, str]
) -> None:
    assert admin_client.get(f"{PAGE}add/{kind}/").status_code == 200
    response = admin_client.post(f"{PAGE}add/{kind}/", GOOD[kind], headers=headers)
    assert response.headers.get("HX-Redirect" if headers else "Location") == f"{PAGE}1/"
    (row,) = all_of(workspace)
    expected = {
        "slack_webhook": (HOOK, "…xxxx", "ok"),
        "slack_bot": (BOT_TOKEN, "C0123456789", "ok"),
        "telegram": (TELEGRAM_TOKEN, "-1001", "ok"),
        "email": (None, "ops@example.com", "unconfirmed"),
    }[kind]
    assert (row.secret and row.secret.reveal(), row.target, row.state) == expected
    assert row.created_by
    for page in (PAGE, f"{PAGE}1/"):
        html = admin_client.get(page).content.decode()
        assert "canary" not in html
        assert "Ops" in html
    assert outside.peer.connections == 0


WRONG = [
    ("slack_webhook", {"url": "https://canary.example/services/T0/B0/abcdefgh"}, "This is not a webhook of Slack’s."),
    ("slack_webhook", {"url": "https://hooks.slack.com/workflows/canary"}, "This is the URL of a workflow."),
    ("slack_webhook", {"url": "http://hooks.slack.com/services/T0/B0/canarycanary"}, "This is not a webhook"),
    ("slack_webhook", {"url": ""}, "This field is required."),
    ("slack_bot", {"token": "xoxp-canary-1234567890"}, "This is another kind of token. A bot’s begins xoxb-."),
    ("slack_bot", {"token": "canary"}, "This is not a token of Slack’s."),
    ("slack_bot", {"channel": "#ops"}, "This is the channel’s name. Its id looks like C0123456789."),
    ("slack_bot", {"channel": "<script>"}, "A channel’s id begins with C or G"),
    ("telegram", {"token": "canary:1"}, "This is not a bot’s token."),
    ("telegram", {"chat": "ops chat"}, "A chat’s id is a number, negative for groups"),
    ("email", {"address": "ops@"}, "Enter a valid email address."),
    ("email", {"address": "ops@example.com\r\nBcc: all@example.com"}, "Enter a valid email address."),
    ("email", {"name": ""}, "This field is required."),
]


@pytest.mark.parametrize(("kind", "typed", "said"), WRONG)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_mistakes_are_said_at_the_field_and_nobody_is_contacted(
    workspace: Workspace,
    admin_client: Client,
    outside: Provider,
    kind: str,
    typed: dict[str, str],
    said: str,
    headers: dict[str, str],
) -> None:
    response = admin_client.post(f"{PAGE}add/{kind}/", {**GOOD[kind], **typed}, headers=headers)
    assert response.status_code == 422
    html = text_of(response)
    assert said in html
    assert html.count('class="field-errors"') == 1
    assert "canary" not in html
    assert ("<html" in html) is not headers
    if "name" not in typed:
        assert 'value="Ops"' in html
    assert all_of(workspace) == []
    assert (mail.outbox, outside.peer.connections) == ([], 0)


def test_a_place_has_one_channel(workspace: Workspace, admin_client: Client) -> None:
    for kind, values in GOOD.items():
        admin_client.post(f"{PAGE}add/{kind}/", values)
        again = {**values, "name": "Twin"}
        if kind == "email":
            again["address"] = "OPS@example.com"
        response = admin_client.post(f"{PAGE}add/{kind}/", again)
        assert response.status_code == 422
        assert "“Ops” writes to this place already." in text_of(response)
    assert len(all_of(workspace)) == 4
    admin_client.post(f"{PAGE}1/remove/")
    assert admin_client.post(f"{PAGE}add/slack_webhook/", GOOD["slack_webhook"]).status_code == 302
    assert [row.number for row in all_of(workspace)] == [1, 2, 3, 4, 5]


def test_there_is_an_end_to_channels(workspace: Workspace, admin_client: Client) -> None:
    for number in range(25):
        ChannelFactory(workspace=workspace, number=number + 1)
    response = admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    assert "There are 25 channels already." in text_of(response)
    assert (response.status_code, mail.outbox) == (422, [])


def test_there_is_an_end_to_addresses(workspace: Workspace, admin_client: Client) -> None:
    for number in range(20):
        ChannelFactory(
            workspace=workspace,
            number=number + 1,
            kind=ChannelKind.EMAIL,
            created_at=timezone.now(),
            removed_at=timezone.now(),
        )
    response = admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    assert "20 addresses were added today." in text_of(response)
    assert mail.outbox == []


def test_an_unknown_kind_is_no_page(admin_client: Client) -> None:
    assert admin_client.get(f"{PAGE}add/pager/").status_code == 404


# Confirming ----------------------------------------------------------------------------------------------------------


def test_an_address_gets_nothing_before_it_is_confirmed(
    workspace: Workspace, admin_client: Client, client: Client, settings: Any
) -> None:
    admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    (row,) = all_of(workspace)
    (asked,) = mail.outbox
    assert (asked.to, asked.subject) == (["ops@example.com"], "Confirm this address for Acme")
    say(workspace, row, at=timezone.now())
    hands = Hands(timezone.now())
    go(row, hands)
    admin_client.post(f"{PAGE}1/test/")
    assert len(mail.outbox) == 1
    assert fates(workspace) == [("held", "The channel is not ready yet.")]
    link = next(line for line in str(asked.body).splitlines() if line.startswith("http"))
    path = link.removeprefix(settings.PQ_BASE_URL)
    page = client.get(path)
    assert "Confirm the address" in text_of(page)
    assert fresh(row).state == "unconfirmed"
    assert "The address is confirmed" in text_of(client.post(path))
    assert "The address is confirmed" in text_of(client.get(path))
    assert fresh(row).state == "ok"
    go(row, Hands(timezone.now()))
    assert [message.subject for message in mail.outbox] == [
        "Confirm this address for Acme",
        "Warning: A payment failed · Acme",
    ]


def test_links_that_confirm_nothing(workspace: Workspace, admin_client: Client, client: Client) -> None:
    admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    (row,) = all_of(workspace)
    other = ChannelFactory(
        workspace=WorkspaceFactory(slug="other"),
        kind=ChannelKind.EMAIL,
        state=ChannelState.UNCONFIRMED,
        target="a@b.example",
    )
    token, foreign = roster.confirmation(row), roster.confirmation(other)
    for wrong in (foreign, token[:-1] + ("A" if token[-1] != "A" else "B"), "x"):
        for answer in (client.get(f"{PAGE}confirm/{wrong}/"), client.post(f"{PAGE}confirm/{wrong}/")):
            assert answer.status_code == 404
            assert "This link cannot be used" in text_of(answer)
    nowhere = client.post(f"/w/nobody/settings/integrations/channels/confirm/{token}/")
    assert nowhere.status_code == 404
    assert text_of(nowhere) == text_of(client.get(f"{PAGE}confirm/x/"))  # which workspaces there are is nobody's affair
    assert (fresh(row).state, fresh(other).state) == ("unconfirmed", "unconfirmed")
    admin_client.post(f"{PAGE}1/remove/")
    assert client.post(f"{PAGE}confirm/{token}/").status_code == 404


def test_the_link_is_mailed_once_a_minute(workspace: Workspace, admin_client: Client) -> None:
    admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    assert "A link was mailed a moment ago" in text_of(admin_client.post(f"{PAGE}1/link/", follow=True))
    assert len(mail.outbox) == 1
    with scoped_transaction(workspace):
        Channel.objects.update(next_send_at=timezone.now() - timedelta(seconds=1))
    assert "A link was mailed to ops@example.com." in text_of(admin_client.post(f"{PAGE}1/link/", follow=True))
    assert len(mail.outbox) == 2


def test_an_address_is_mailed_no_more_than_a_few_links(workspace: Workspace, admin_client: Client) -> None:
    admin_client.post(f"{PAGE}add/email/", GOOD["email"])
    for _ in range(9):
        with scoped_transaction(workspace):
            Channel.objects.update(next_send_at=None)
        admin_client.post(f"{PAGE}1/link/")
    assert len(mail.outbox) == 5
    for number in (1, 2):
        admin_client.post(f"{PAGE}{number}/remove/")
        assert admin_client.post(f"{PAGE}add/email/", GOOD["email"]).status_code == 302
    admin_client.post(f"{PAGE}3/remove/")
    again = admin_client.post(f"{PAGE}add/email/", {**GOOD["email"], "address": "OPS@example.com"})
    assert (again.status_code, len(mail.outbox)) == (422, 7)
    assert "This address was added and removed several times today." in text_of(again)
    assert admin_client.post(f"{PAGE}add/email/", {**GOOD["email"], "address": "b@example.com"}).status_code == 302


def test_without_a_mail_server_the_channel_waits(workspace: Workspace, admin_client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    response = admin_client.post(f"{PAGE}add/email/", GOOD["email"], follow=True)
    assert "The mail server did not take the mail." in text_of(response)
    assert [row.state for row in all_of(workspace)] == ["unconfirmed"]


# Telegram's chat -----------------------------------------------------------------------------------------------------


def test_finding_the_chat_without_javascript(workspace: Workspace, admin_client: Client, outside: Provider) -> None:
    admin_client.post(f"{PAGE}add/telegram/", {"name": "Ops", "token": TELEGRAM_TOKEN, "chat": ""})
    assert "No chat is chosen yet." in text_of(admin_client.get(f"{PAGE}1/"))
    outside.replies = [Reply(body={"ok": True, "result": []})]
    assert "The bot was spoken to nowhere" in text_of(admin_client.post(f"{PAGE}1/chats/"))
    update = {"update_id": 2, "my_chat_member": {"chat": {"id": -1001, "title": "<b>Ops</b>", "type": "supergroup"}}}
    outside.replies = [Reply(body={"ok": True, "result": [update]})]
    response = admin_client.post(f"{PAGE}1/chats/")
    html = response.content.decode()
    assert "&lt;b&gt;Ops&lt;/b&gt;" in html
    assert "<b>Ops</b>" not in html
    assert "canary" not in html
    wrong = admin_client.post(f"{PAGE}1/chat/", {"chat": "no chat"})
    assert (wrong.status_code, 'value="no chat"' in text_of(wrong)) == (422, True)
    admin_client.post(f"{PAGE}1/chat/", {"chat": "-1001"})
    (row,) = all_of(workspace)
    assert (row.target, row.state) == ("-1001", "ok")
    outside.replies = [Reply(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})]
    admin_client.post(f"{PAGE}1/chats/")
    assert len(outside.replies) == 1


# Testing and removing ------------------------------------------------------------------------------------------------


def test_a_test_says_what_the_provider_said(workspace: Workspace, admin_client: Client, outside: Provider) -> None:
    admin_client.post(f"{PAGE}add/slack_bot/", GOOD["slack_bot"])
    good = text_of(admin_client.post(f"{PAGE}1/test/", follow=True))
    assert "The test was sent. The answer: ok, message 1503435956.000247" in good
    with scoped_transaction(workspace):
        Channel.objects.update(next_send_at=None)
    outside.replies = [slack_error("not_in_channel")]
    bad = text_of(admin_client.post(f"{PAGE}1/test/", follow=True))
    assert "The test was not sent. Slack: The bot is not in the channel. Invite it there. (not_in_channel)" in bad
    assert fresh(all_of(workspace)[0]).state == "broken"
    assert [row.state for row in deliveries(workspace)] == ["sent", "failed"]
    assert outside.bodies[0]["text"] == "A test message of PQ Intel · Acme"
    assert "Acme" not in str(outside.bodies[0]["blocks"][:-1]).replace("/w/acme/", "")
    assert outside.bodies[0]["blocks"][-1]["elements"][0]["text"] == "Workspace: Acme"


def test_tests_are_not_endless(workspace: Workspace, admin_client: Client, outside: Provider) -> None:
    row = ChannelFactory(workspace=workspace, number=1)
    for _ in range(30):
        DeliveryFactory(channel=row, dedupe_key=f"test:{uuid4()}", state="sent", created_at=timezone.now())
    asked = text_of(admin_client.post(f"{PAGE}1/test/", follow=True))
    assert "30 tests were sent there within the last hour." in asked
    assert (outside.bodies, fresh(row).state) == ([], "ok")
    with scoped_transaction(workspace):
        Delivery.objects.update(created_at=timezone.now() - timedelta(hours=1, seconds=1))
    assert "The test was sent." in text_of(admin_client.post(f"{PAGE}1/test/", follow=True))


def test_removing_keeps_what_was_sent(workspace: Workspace, admin_client: Client) -> None:
    row = ChannelFactory(workspace=workspace, number=1, name="Gone")
    DeliveryFactory(channel=row, state=DeliveryState.SENT)
    DeliveryFactory(channel=row)
    assert admin_client.post(f"{PAGE}1/remove/")["Location"] == PAGE
    html = text_of(admin_client.get(PAGE))
    assert "Gone (removed)" in html
    assert "No channel yet" in html
    assert admin_client.get(f"{PAGE}1/").status_code == 404
    assert fates(workspace) == [("sent", ""), ("skipped", "The channel was removed.")]


# Looking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_others_see_and_cannot_change(workspace: Workspace, member_client: MemberClient, role: Role) -> None:
    ChannelFactory(workspace=workspace, number=1, name="Ops")
    client = member_client(role)
    assert "Add Telegram" not in text_of(client.get(PAGE))
    html = text_of(client.get(f"{PAGE}1/"))
    assert "Ops" in html
    assert "Send a test" not in html
    for action in ("test", "remove", "link", "chats", "chat"):
        assert client.post(f"{PAGE}1/{action}/").status_code == 403
    assert client.post(f"{PAGE}add/email/", GOOD["email"]).status_code == 403


def test_another_workspace_shows_nothing(workspace: Workspace, owner_client: Client) -> None:
    other = ChannelFactory(workspace=WorkspaceFactory(slug="other"), number=7, name="Foreign")
    DeliveryFactory(channel=other)
    assert "Foreign" not in text_of(owner_client.get(PAGE))
    for path in (f"{PAGE}7/", "/w/other/settings/integrations/channels/"):
        assert owner_client.get(path).status_code == 404
    for action in ("test", "remove", "link", "chats", "chat"):
        assert owner_client.post(f"{PAGE}7/{action}/").status_code == 404
    assert fresh(other).removed_at is None


def test_deliveries_come_in_pages_with_few_queries(
    workspace: Workspace, owner_client: Client, django_assert_max_num_queries: Any
) -> None:
    row = ChannelFactory(workspace=workspace, number=1)
    made = [DeliveryFactory(channel=row, dedupe_key=f"k{number}") for number in range(65)]
    owner_client.get(PAGE)
    with django_assert_max_num_queries(14):
        first = owner_client.get(PAGE)
    assert [len(first.context["deliveries"]), first.context["older"]] == [30, made[35].pk]
    second = owner_client.get(f"{PAGE}?before={first.context['older']}")
    third = owner_client.get(f"{PAGE}?before={second.context['older']}")
    assert [len(second.context["deliveries"]), len(third.context["deliveries"])] == [30, 5]
    assert third.context["older"] is None
    assert "Your channels" not in text_of(second)
    assert owner_client.get(f"{PAGE}?before=x").status_code == 200


# Secrets -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_credentials_are_found_nowhere(
    workspace: Workspace,
    admin_client: Client,
    staff_client: Client,
    outside: Provider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(ScrubFilter())
    for kind in ("slack_webhook", "slack_bot", "telegram"):
        admin_client.post(f"{PAGE}add/{kind}/", GOOD[kind])
    outside.replies = [Reply(500, BOT_TOKEN.encode()), slack_error(BOT_TOKEN), Reply(404, TELEGRAM_TOKEN.encode())]
    pages = []
    for row in all_of(workspace):
        pages.append(admin_client.post(f"{PAGE}{row.number}/test/", follow=True).content.decode())
        pages.append(staff_client.get(f"/admin/integrations/channel/{row.pk}/change/").content.decode())
    names = ["channel", "delivery", *(f"delivery/{sent.pk}/change" for sent in deliveries(workspace))]
    pages += [staff_client.get(f"/admin/integrations/{name}/").content.decode() for name in names]
    secrets = [HOOK, HOOK.rsplit("/", 1)[1], BOT_TOKEN, TELEGRAM_TOKEN]
    assert len(pages) == 11
    assert found(secrets, "\n".join(pages)) == []
    assert found(secrets, database_dump()) == []
    assert found(secrets, caplog.text) == []


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_tries_again(workspace: Workspace) -> None:
    now = timezone.now()
    ops = ChannelFactory(workspace=workspace, number=1, name="Ops", state=ChannelState.BROKEN, reason="x")
    other = ChannelFactory(workspace=workspace, number=2, name="Other")
    foreign = ChannelFactory(workspace=WorkspaceFactory(), number=1, state=ChannelState.BROKEN)
    for channel in (ops, other, foreign):
        for state in DeliveryState:
            DeliveryFactory(channel=channel, state=state, created_at=now)
        DeliveryFactory(channel=channel, state=DeliveryState.FAILED, created_at=now - timedelta(hours=100))
    out = StringIO()
    call_command("deliveries_retry", "acme", "--channel", "1", stdout=out)
    assert out.getvalue() == "   1  Ops: 2\n"
    assert fresh(ops).state == "ok"
    out = StringIO()
    call_command("deliveries_retry", "acme", "--json", stdout=out)
    assert out.getvalue().replace("\n", "").replace(" ", "") == (
        '[{"channel":1,"name":"Ops","retried":0},{"channel":2,"name":"Other","retried":2}]'
    )
    assert [row.state for row in deliveries(workspace)] == [
        "waiting",
        "sent",
        "waiting",
        "waiting",
        "skipped",
        "failed",
    ] * 2
    assert fresh(foreign).state == "broken"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "There is no workspace 'nobody'."),
        (["acme", "--channel", "9"], "acme has no channel 9: see Settings › Channels."),
        (["acme", "--hours", "0"], "--hours is a number from 1 to 8760."),
    ],
)
def test_the_command_says_what_is_wrong(workspace: Workspace, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as failure:
        call_command("deliveries_retry", *arguments)
    assert failure.value.returncode == 2


def test_the_settings_are_checked(settings: Any) -> None:
    from integrations.checks import messages_are_sent_safely

    assert messages_are_sent_safely() == []
    settings.SLACK_API_BASE = settings.TELEGRAM_API_BASE = "http://slack.example"
    assert [problem.id for problem in messages_are_sent_safely()] == ["integrations.E002"] * 2
    settings.SLACK_API_BASE, settings.TELEGRAM_API_BASE = "http://127.0.0.1:1", "https://bots.example"
    assert messages_are_sent_safely() == []
    settings.PRODUCTION = True
    assert [problem.id for problem in messages_are_sent_safely()] == ["integrations.E002"]
