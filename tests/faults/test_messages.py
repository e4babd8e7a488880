"""Messages to the outside: their sender killed in between, and a provider that hangs."""

from __future__ import annotations

import threading

from django.utils import timezone

from integrations.models import Channel, ChannelKind, Delivery
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory
from tests.integrations.channels.stage import (
    BOT_TOKEN,
    HOOK,
    HOOK_PATH,
    OK_BOT,
    OK_HOOK,
    OK_TELEGRAM,
    TELEGRAM_TOKEN,
    say,
)
from tests.integrations.peers import Asked, Peer, Reply

from .burst import Burst
from .conftest import Check
from .stage import Stage, until
from .tenants import new_tenants


def rows_of(channel: Channel) -> list[tuple[str, int, bool]]:
    with scoped_transaction(channel.workspace_id):
        rows = Delivery.objects.filter(channel=channel).order_by("id")
        return [(row.state, row.tries, row.possible_duplicate) for row in rows]


def test_a_sender_killed_between_sending_and_noting_it_costs_one_flagged_repeat(stage: Stage) -> None:
    (tenant,) = new_tenants(1)
    channel = ChannelFactory(workspace=tenant.workspace, secret=BOT_TOKEN)
    goes_on = threading.Event()

    def answer(asked: Asked) -> Reply:
        goes_on.wait(30)
        return OK_BOT

    with Peer(answer) as slack, stage.writing_to(slack.url):
        say(tenant.workspace, channel, at=timezone.now())
        until("the message is at Slack", lambda: slack.asked)
        stage.worker.kill()
        goes_on.set()
        assert rows_of(channel) == [("waiting", 1, False)]
        stage.worker.start()
        until("it is noted as sent", lambda: rows_of(channel) == [("sent", 2, True)])
        assert len(slack.asked) == 2


def test_while_slack_hangs_telegram_and_events_go_on(stage: Stage, check: Check) -> None:
    tenants = new_tenants(2)
    hanging = ChannelFactory(workspace=tenants[0].workspace, kind=ChannelKind.SLACK_WEBHOOK, secret=HOOK)
    beside = ChannelFactory(
        workspace=tenants[0].workspace, kind=ChannelKind.TELEGRAM, secret=TELEGRAM_TOKEN, target="7"
    )
    answers_again = threading.Event()

    def answer(asked: Asked) -> Reply:
        if asked.path == HOOK_PATH:
            answers_again.wait(60)
            return OK_HOOK
        return OK_TELEGRAM

    with Peer(answer) as outside, stage.writing_to(outside.url):
        for number in range(3):
            say(tenants[0].workspace, hanging, key=str(number), at=timezone.now())
        until("Slack has a request and does not answer", lambda: outside.asked)
        say(tenants[0].workspace, beside, at=timezone.now())
        with Burst(stage, tenants) as burst:
            pass
        until("Telegram's message is sent", lambda: rows_of(beside) == [("sent", 1, False)])
        check([burst], tenants)
        assert {state for state, *_ in rows_of(hanging)} == {"waiting"}
        answers_again.set()
        until("Slack's are sent as well", lambda: {state for state, *_ in rows_of(hanging)} == {"sent"})
