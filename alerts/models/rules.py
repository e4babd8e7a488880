"""Rules, what they found, and how far they have looked."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from billing.models.base import BillingModel


class RuleKind(models.TextChoices):
    """What a rule watches; `alerts.rules` holds a module for each."""

    PAYMENT_FAILED = "payment_failed", "A payment failed"
    PAYMENT_FAILURES = "payment_failures", "Many payments fail"
    MRR_DROP = "mrr_drop", "MRR drops"
    CHURN_RATE = "churn_rate", "Churn is high"
    EVENT = "event", "Something happens"
    STALE_SYNC = "stale_sync", "Stripe is not heard of"
    QUARANTINE = "quarantine", "An event is set aside"
    UNMAPPED_PRICE = "unmapped_price", "A price has no tier"
    CHANNEL_BROKEN = "channel_broken", "A channel is broken"


class RuleState(models.TextChoices):
    NORMAL = "normal", "Normal"
    FIRING = "firing", "Firing"


class Outcome(models.TextChoices):
    """What became of something that a rule noticed. Only the first two are said to anybody."""

    FIRED = "fired", "Fired"
    RECOVERED = "recovered", "Recovered"
    SUPPRESSED = "suppressed", "Suppressed"
    SKIPPED = "skipped", "Skipped"


SEVERITIES = [("info", "Info"), ("warning", "Warning"), ("critical", "Critical")]


class Rule(BillingModel):
    """What a workspace wants to be told of, in one mode, and how it stands with that.

    `number` counts within workspace and mode, and URLs are named by it. `params` are the kind's own, as its form cleans
    them. `cooldown_seconds` begins when a message was delivered; `hysteresis` is how many percent of the threshold a
    value must come back before it counts as recovered. In `test_mode` findings are written down and nothing is sent.
    From `quiet_from` to `quiet_until` (local times of the workspace, both or none) nothing is said; what holds or waits
    then is told afterwards. What a rule that is not `enabled` would have said is written down as skipped. A removed
    rule stays, because its findings are history.

    The lower half is the state of `alerts.machine`, written by `alerts.deciding` alone: `stepped_at` is the last
    instant that was judged, `cooling_from` that of the message which the cooldown counts from, `cooling_key` the key
    of its deliveries, `memory` what else the machine remembers.
    """

    number = models.IntegerField()
    kind = models.CharField(max_length=16, choices=RuleKind)
    name = models.CharField(max_length=80)
    params = models.JSONField(default=dict)
    severity = models.CharField(max_length=8, choices=SEVERITIES, default="warning")
    cooldown_seconds = models.PositiveIntegerField(default=0)
    hysteresis = models.PositiveSmallIntegerField(default=0)
    test_mode = models.BooleanField(default=False)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    enabled = models.BooleanField(default=True)
    silenced_until = models.DateTimeField(null=True)
    silenced_by = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    changed_by = models.TextField(blank=True, default="")
    removed_at = models.DateTimeField(null=True)

    state = models.CharField(max_length=6, choices=RuleState, default=RuleState.NORMAL)
    since = models.DateTimeField(null=True)
    stepped_at = models.DateTimeField(null=True)
    cooling_from = models.DateTimeField(null=True)
    cooling_key = models.TextField(blank=True, default="")
    last_value = models.DecimalField(max_digits=38, decimal_places=18, null=True)
    memory = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "number"), name="rule_number_unique"),)

    def __str__(self) -> str:
        return self.name

    @property
    def cooldown(self) -> timedelta:
        return timedelta(seconds=self.cooldown_seconds)

    @property
    def cooldown_until(self) -> datetime | None:
        """Until when nothing more is said, if the last message was delivered."""
        return None if self.cooling_from is None else self.cooling_from + self.cooldown

    def silenced_at(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until


class RuleChannel(BillingModel):
    """A channel that a rule speaks to. A rule without any speaks to every channel of the workspace."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="chosen", db_index=False)
    channel = models.ForeignKey("integrations.Channel", on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "rule", "channel"), name="rule_channel_unique"),
        )

    def __str__(self) -> str:
        return f"{self.rule_id} to {self.channel_id}"


class Finding(BillingModel):
    """Something that a rule noticed and what came of it; unique by `dedupe_key`, which its deliveries have as well.

    `at` is when it was so, `recorded_at` when it was judged. `count` is how many things it stands for (payments that
    were told in one message). `data` holds what it was judged by: value, threshold, base as text, and Stripe ids.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.TextField(blank=True, default="")
    title = models.TextField()
    data = models.JSONField(default=dict)
    count = models.IntegerField(default=1)
    dedupe_key = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "dedupe_key"), name="finding_decided_once"),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "-id"), name="finding_newest"),
            models.Index(fields=("workspace", "mode", "rule", "-id"), name="finding_newest_of_rule"),
        )

    def __str__(self) -> str:
        return f"{self.outcome}: {self.title}"


class Watch(BillingModel):
    """How far the rules of a workspace and mode have been judged. Its row is locked by whoever judges.

    `defaults` is the edition of the default rules that was given to it, so that one that was removed stays so.
    `version` is that of billing's `SyncState` when it was last looked at; `next_at`, when time alone may change
    something.
    """

    defaults = models.PositiveSmallIntegerField(default=0)
    version = models.BigIntegerField(default=-1)
    looked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "watches"
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="watch_unique"),)

    def __str__(self) -> str:
        return f"version {self.version}"
