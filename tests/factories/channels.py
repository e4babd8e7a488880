"""Where messages go, and what became of each."""

from __future__ import annotations

from datetime import timedelta

import factory

from billing.modes import Mode
from integrations import models as integrations
from integrations.channels import Message

from .base import THEN, TenantFactory


class ChannelFactory(TenantFactory):
    """A bot's channel at Slack, with a token that is nobody's."""

    class Meta:
        model = integrations.Channel

    number = factory.Sequence(lambda n: n + 1)
    kind = integrations.ChannelKind.SLACK_BOT
    name = factory.Sequence(lambda n: f"Channel {n}")
    secret = factory.Sequence(lambda n: f"xoxb-{n:012}-" + "t" * 24)
    target = factory.Sequence(lambda n: f"C{n:010}")
    since = THEN
    created_by = "ada@example.com"
    created_at = THEN


class ChannelOutageFactory(TenantFactory):
    """One that is not over."""

    class Meta:
        model = integrations.ChannelOutage

    channel = factory.SubFactory(ChannelFactory)
    workspace = factory.SelfAttribute("channel.workspace")
    starts = THEN
    reason = "Slack: channel_is_archived"


class DeliveryFactory(TenantFactory):
    """One that waits."""

    class Meta:
        model = integrations.Delivery

    channel = factory.SubFactory(ChannelFactory)
    workspace = factory.SelfAttribute("channel.workspace")
    mode = Mode.TEST
    dedupe_key = factory.Sequence(lambda n: f"key-{n}")
    message = factory.LazyFunction(lambda: Message("A payment failed", lines=("49.00 USD",)).document())
    created_at = THEN
    next_attempt_at = THEN
    give_up_at = THEN + timedelta(hours=72)
