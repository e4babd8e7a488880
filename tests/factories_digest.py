"""Rows of summaries for tests."""

from __future__ import annotations

from datetime import date

import factory

from alerts import models as alerts
from tests.factories import THEN, ChannelFactory, RecordFactory, TenantFactory


class DigestSettingsFactory(RecordFactory):
    """The daily summary, on at eight since THEN."""

    class Meta:
        model = alerts.DigestSettings

    cadence = alerts.Cadence.DAILY
    enabled = True
    hour = 8
    since = THEN


class DigestChannelFactory(TenantFactory):
    """A channel that was chosen."""

    class Meta:
        model = alerts.DigestChannel

    settings = factory.SubFactory(DigestSettingsFactory, workspace=factory.SelfAttribute("..workspace"))
    channel = factory.SubFactory(ChannelFactory, workspace=factory.SelfAttribute("..workspace"))


class DigestRunFactory(RecordFactory):
    """The summary of a day, sent on the next morning."""

    class Meta:
        model = alerts.DigestRun

    cadence = alerts.Cadence.DAILY
    day = date(2026, 2, 28)
    state = alerts.DigestState.SENT
    due_at = THEN
    decided_at = THEN
    sent_at = THEN
    numbers = factory.LazyFunction(dict)
