"""Messages to the outside: their sender killed in between. Providers that hang: `test_slow_peers`."""

from __future__ import annotations

import threading

from django.utils import timezone

from integrations.models import Channel, Delivery
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory
from tests.integrations.channels.stage import BOT_TOKEN, OK_BOT, say
from tests.integrations.peers import Asked, Reply

from .outside import Outside
from .stage import Stage, until
from .tenants import new_tenants


def rows_of(channel: Channel) -> list[tuple[str, int, bool]]:
    with scoped_transaction(channel.workspace_id):
        rows = Delivery.objects.filter(channel=channel).order_by("id")
        return [(row.state, row.tries, row.possible_duplicate) for row in rows]


def test_a_sender_killed_between_sending_and_noting_it_costs_one_flagged_repeat(stage: Stage, outside: Outside) -> None:
    (tenant,) = new_tenants(1)
    channel = ChannelFactory(workspace=tenant.workspace, secret=BOT_TOKEN)
    goes_on = threading.Event()

    def answer(asked: Asked) -> Reply:
        goes_on.wait(30)
        return OK_BOT

    outside.messengers.answer = answer
    say(tenant.workspace, channel, at=timezone.now())
    until("the message is at Slack", lambda: outside.messengers.asked)
    stage.worker.kill()
    goes_on.set()
    assert rows_of(channel) == [("waiting", 1, False)]
    stage.worker.start()
    until("it is noted as sent", lambda: rows_of(channel) == [("sent", 2, True)])
    assert len(outside.messengers.asked) == 2
