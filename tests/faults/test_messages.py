"""Messages to the outside: their sender killed in between. Providers that hang: `test_slow_peers`."""

from __future__ import annotations

import threading

from django.utils import timezone

from integrations.models import Channel, ChannelState, Delivery
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory, MembershipFactory
from tests.integrations.channels.stage import BOT_TOKEN, OK_BOT, say
from tests.integrations.peers import Asked, Reply

from .nemesis import blocked, held_up
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


def test_the_mail_about_a_broken_channel_outlives_its_sender(stage: Stage, outside: Outside) -> None:
    """Killed between the server's word and noting it: the sweep finds that it is owed; one repeat, one Message-ID."""
    (tenant,) = new_tenants(1)
    MembershipFactory(workspace=tenant.workspace, role=Role.OWNER, user__email="owner@example.com")
    outside.post.answers.clear()
    broken = {"state": ChannelState.BROKEN, "reason": "Slack: The channel is archived.", "since": timezone.now()}
    channel = ChannelFactory(workspace=tenant.workspace, secret=BOT_TOKEN, **broken)
    until("the mail is at the server", lambda: outside.post.mails)
    with held_up(stage, "integrations_channel") as database:
        outside.post.answers.set()
        until("the sender is about to note it", lambda: blocked(database, 'UPDATE "integrations_channel"'))
        stage.worker.kill()
    assert told(channel) == (False, 0)
    stage.worker.start()
    until("it is noted", lambda: told(channel) == (True, 1))
    assert [mail["To"] for mail in outside.post.mails] == ["owner@example.com"] * 2
    assert len({mail["Message-ID"] for mail in outside.post.mails}) == 1


def told(channel: Channel) -> tuple[bool, int]:
    with scoped_transaction(channel.workspace_id):
        row = Channel.objects.get(pk=channel.pk)
    return row.told_at is not None, row.lost_tellings
