"""When a channel was broken is written down with its state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from integrations.channels import outbox, roster
from integrations.channels.outages import Outage, outages_between
from integrations.channels.sending import send_now
from integrations.models import Channel
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN, ChannelFactory, ChannelOutageFactory, WorkspaceFactory

from .stage import BOT_TOKEN, HELLO, Hands, Provider, fresh, go, provider, say, slack_error

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "Slack: The channel is archived. (is_archived)"


def at(minutes: float) -> datetime:
    return THEN + timedelta(minutes=minutes)


LATER = at(999)


@pytest.fixture
def outside(settings: Any) -> Iterator[Provider]:
    with provider(settings) as standing:
        yield standing


@pytest.fixture
def slack(workspace: Workspace) -> Channel:
    channel: Channel = ChannelFactory(workspace=workspace, name="Ops", secret=BOT_TOKEN, number=1)
    return channel


def outages(workspace: Workspace, after: datetime = THEN, until: datetime = LATER) -> list[Outage]:
    with scoped_transaction(workspace) as workspace_id:
        return outages_between(workspace_id, after, until)


def breaks(workspace: Workspace, slack: Channel, outside: Provider, hands: Hands, key: str) -> None:
    outside.replies = [slack_error("is_archived")]
    say(workspace, slack, key=key, at=hands.at)
    go(slack, hands)


def test_it_begins_when_the_provider_refuses_and_ends_with_another_try(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    ChannelOutageFactory(channel=ChannelFactory(workspace=WorkspaceFactory()))
    hands = Hands(at(1))
    breaks(workspace, slack, outside, hands, "one")
    assert outages(workspace) == [Outage(slack.pk, "Ops", GONE, at(1), None)]
    with scope(workspace):
        assert roster.retry(slack, timedelta(hours=1), at(5)) == 1
    assert outages(workspace) == [Outage(slack.pk, "Ops", GONE, at(1), at(5))]
    hands.at = at(6)
    breaks(workspace, slack, outside, hands, "two")
    assert [(one.starts, one.ends) for one in outages(workspace)] == [(at(1), at(5)), (at(6), None)]
    assert fresh(slack).state == "broken"
    assert [one.starts for one in outages(workspace, after=at(5))] == [at(6)]
    assert [one.starts for one in outages(workspace, until=at(5))] == [at(1)]


def test_a_channel_that_is_removed_is_broken_no_more(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    breaks(workspace, slack, outside, Hands(at(1)), "one")
    with scope(workspace):
        roster.remove(slack, at(9))
    assert [(one.starts, one.ends) for one in outages(workspace)] == [(at(1), at(9))]


def test_a_test_that_arrives_ends_it(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    breaks(workspace, slack, outside, Hands(at(1)), "one")
    with scope(workspace):
        with transaction.atomic():
            row = outbox.put_test(fresh(slack), HELLO, "test", at(9))
        send_now(row, Hands(at(9)).clock)
    assert [(one.starts, one.ends) for one in outages(workspace)] == [(at(1), at(9))]


def test_a_channel_that_is_removed_while_its_provider_refuses_is_not_broken(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    def remove() -> None:
        with scope(workspace):
            roster.remove(slack, at(2))
        connection.close()

    outside.meanwhile, outside.replies = remove, [slack_error("is_archived")]
    say(workspace, slack, at=at(1))
    go(slack, Hands(at(1)))
    assert outages(workspace) == []
    assert (fresh(slack).state, fresh(slack).removed_at) == ("ok", at(2))
