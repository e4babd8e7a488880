"""Deliveries are forgotten after 90 days, and until then nothing is said twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.modes import Mode
from integrations.channels import Message, deliver
from integrations.channels.retention import forget_deliveries
from integrations.models import Channel, Delivery, DeliveryState
from integrations.tasks import forget
from pqintel.workspaces.tenancy import everywhere, scoped_transaction
from tests.factories import ChannelFactory, DeliveryFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
OLD, YOUNG = NOW - timedelta(days=90, minutes=1), NOW - timedelta(days=89)


def put(channel: Channel, state: DeliveryState, at: object, **more: object) -> int:
    return DeliveryFactory(
        **{"channel": channel, "state": state, "created_at": at, "give_up_at": at + timedelta(hours=72), **more}  # type: ignore[operator]  # datetimes
    ).pk


def left() -> set[int]:
    with everywhere("test"):
        return set(Delivery.objects.values_list("pk", flat=True))


def test_what_came_to_an_end_long_ago_is_forgotten_in_every_workspace() -> None:
    kept = set()
    for channel in (ChannelFactory(), ChannelFactory(workspace=WorkspaceFactory())):
        for state in (DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.FAILED, DeliveryState.HELD):
            put(channel, state, OLD)
        kept.add(put(channel, DeliveryState.WAITING, OLD))
        kept.add(put(channel, DeliveryState.FAILED, OLD, give_up_at=NOW + timedelta(hours=1)))
    for channel in (ChannelFactory(), ChannelFactory(workspace=WorkspaceFactory())):
        kept.add(put(channel, DeliveryState.SENT, YOUNG))
    assert forget_deliveries(NOW, batch=3) == 8
    assert left() == kept
    assert forget_deliveries(NOW) == 0


def test_a_run_is_bounded_and_the_next_goes_on() -> None:
    channel = ChannelFactory()
    for _ in range(7):
        put(channel, DeliveryState.SENT, OLD)
    assert [forget_deliveries(NOW, batch=2, most=4) for _ in range(3)] == [4, 3, 0]


def test_the_hourly_task_forgets_deliveries_too() -> None:
    kept = put(ChannelFactory(), DeliveryState.SENT, YOUNG)
    put(ChannelFactory(), DeliveryState.SENT, OLD)
    assert forget() == 1
    assert left() == {kept}


def test_what_is_remembered_is_not_said_again() -> None:
    channel, message = ChannelFactory(), Message("A payment failed")

    def say(days: int) -> bool:
        at = NOW + timedelta(days=days)
        with scoped_transaction(channel.workspace):
            before = Delivery.objects.count()
            deliver(channel.workspace_id, Mode.LIVE, message, [channel], "failure:in_1:1", at)
            Delivery.objects.update(state=DeliveryState.SENT)
            return Delivery.objects.count() > before

    assert say(0)
    forget_deliveries(NOW + timedelta(days=89))
    assert not say(89)
    forget_deliveries(NOW + timedelta(days=91))
    assert say(91)
