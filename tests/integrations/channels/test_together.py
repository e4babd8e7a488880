"""Messages that are put into the outbox while their channel breaks, is mended, or is removed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.modes import Mode
from integrations.channels import deliver, roster
from integrations.models import Channel, ChannelState, Delivery
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN, ChannelFactory, DeliveryFactory
from tests.gates import overlap
from tests.integrations.channels.stage import BOT_TOKEN, HELLO, fates

pytestmark = pytest.mark.django_db(transaction=True)


def put(channel: Channel) -> list[Delivery]:
    """Put a message there, by what was known of the channel before."""
    with scoped_transaction(channel.workspace_id):
        return deliver(channel.workspace_id, Mode.LIVE, HELLO, [channel], "one", THEN)


def mend(channel: Channel) -> None:
    with scope(channel.workspace_id):
        roster.retry(channel, timedelta(days=1), THEN)


def remove(channel: Channel) -> None:
    with scope(channel.workspace_id):
        roster.remove(channel, THEN)


def test_what_a_channel_is_counts_as_it_is_put_there(workspace: Workspace) -> None:
    channel = ChannelFactory(workspace=workspace, secret=BOT_TOKEN, state=ChannelState.BROKEN)
    mend(channel)
    put(channel)
    assert fates(workspace) == [("waiting", "")]


def test_nothing_is_held_for_a_channel_that_is_mended_meanwhile(workspace: Workspace) -> None:
    channel = ChannelFactory(workspace=workspace, secret=BOT_TOKEN, state=ChannelState.BROKEN)
    overlap(lambda: put(channel), "integrations_delivery", lambda: mend(channel))
    assert fates(workspace) == [("waiting", "")]


def test_nothing_waits_for_a_channel_that_is_removed_meanwhile(workspace: Workspace) -> None:
    channel = ChannelFactory(workspace=workspace, secret=BOT_TOKEN)
    overlap(lambda: put(channel), "integrations_delivery", lambda: remove(channel))
    assert fates(workspace) == [("skipped", "The channel was removed.")]


def test_who_puts_messages_there_does_not_wait_for_others_who_do(workspace: Workspace) -> None:
    channel = ChannelFactory(workspace=workspace, secret=BOT_TOKEN)
    other = DeliveryFactory(workspace=workspace, channel=channel, dedupe_key="other")

    def second() -> int:
        with scoped_transaction(workspace):
            return len(deliver(workspace.pk, Mode.LIVE, HELLO, [channel], other.dedupe_key, THEN))

    assert overlap(lambda: len(put(channel)), "integrations_delivery", second) == (1, 1)
