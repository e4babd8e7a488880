"""Rows of the alerts for tests; see `tests.factories`."""

from __future__ import annotations

import factory

from alerts import models as alerts
from tests.factories import THEN, ChannelFactory, RecordFactory, TenantFactory


class RuleFactory(RecordFactory):
    """More than five failed payments an hour, in test mode, spoken to all channels."""

    class Meta:
        model = alerts.Rule

    number = factory.Sequence(lambda n: n + 1)
    kind = alerts.RuleKind.PAYMENT_FAILURES
    name = factory.Sequence(lambda n: f"Rule {n}")
    params = factory.LazyFunction(lambda: {"measure": "count", "threshold": "5", "currency": "", "minutes": 60})
    created_at = THEN
    changed_at = THEN
    stepped_at = THEN


class RuleChannelFactory(TenantFactory):
    class Meta:
        model = alerts.RuleChannel

    rule = factory.SubFactory(RuleFactory)
    workspace = factory.SelfAttribute("rule.workspace")
    mode = factory.SelfAttribute("rule.mode")
    channel = factory.SubFactory(ChannelFactory, workspace=factory.SelfAttribute("..workspace"))


class FindingFactory(TenantFactory):
    class Meta:
        model = alerts.Finding

    rule = factory.SubFactory(RuleFactory)
    workspace = factory.SelfAttribute("rule.workspace")
    mode = factory.SelfAttribute("rule.mode")
    at = THEN
    recorded_at = THEN
    outcome = alerts.Outcome.FIRED
    title = "6 payments failed within an hour"
    dedupe_key = factory.Sequence(lambda n: f"alert:test:1:{n}")


class WatchFactory(RecordFactory):
    class Meta:
        model = alerts.Watch
