"""Summaries of a day or a week: what a workspace chose about them, and each one that was due."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.base import BillingModel
from integrations.models import Channel
from pqintel.workspaces.tenancy import TenantModel


class Cadence(models.TextChoices):
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"


class DigestSettings(BillingModel):
    """What was chosen about the summaries of one mode and cadence; without a row the defaults hold (`alerts.digest`).

    `hour` and `weekday` (0 = Monday; of the weekly one alone) are of the workspace's time zone. `since` is when it was
    turned on last: nothing that was due before is sent. No chosen channels = every channel of the workspace.
    """

    cadence = models.CharField(max_length=6, choices=Cadence)
    enabled = models.BooleanField()
    hour = models.PositiveSmallIntegerField()
    weekday = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)
    channels = models.ManyToManyField(
        Channel, through="DigestChannel", through_fields=("settings", "channel"), related_name="+"
    )

    class Meta:
        verbose_name_plural = "digest settings"
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "cadence"), name="digest_settings_unique"),
            models.CheckConstraint(condition=Q(hour__lte=23, weekday__lte=6), name="digest_settings_on_the_clock"),
        )

    def __str__(self) -> str:
        return f"{self.get_cadence_display()} summary of {self.mode} mode"


class DigestChannel(TenantModel):
    """A channel that was chosen for a summary."""

    settings = models.ForeignKey(DigestSettings, on_delete=models.CASCADE, related_name="+", db_index=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "settings", "channel"), name="digest_channel_unique"),
        )

    def __str__(self) -> str:
        return f"{self.settings_id} to {self.channel_id}"


class DigestState(models.TextChoices):
    SENT = "sent", "Sent"
    SKIPPED = "skipped", "Skipped"


class DigestRun(BillingModel):
    """A summary that was due, decided once: it was put into the outbox, or skipped for a reason.

    `day` is the last day that it is about, in the workspace's time zone. `due_at` is when it should have been sent,
    `late` says that it was much later. `numbers` are what was said, as JSON (`alerts.digest.numbers`); the deliveries
    are those with its `dedupe_key`.
    """

    cadence = models.CharField(max_length=6, choices=Cadence)
    day = models.DateField()
    state = models.CharField(max_length=7, choices=DigestState)
    reason = models.TextField(blank=True, default="")
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    late = models.BooleanField(default=False)
    numbers = models.JSONField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "cadence", "day"), name="digest_run_decided_once"),
        )

    def __str__(self) -> str:
        return f"{self.get_cadence_display()} summary of {self.day}"

    @property
    def dedupe_key(self) -> str:
        """What its deliveries are known by."""
        return f"digest:{self.mode}:{self.cadence}:{self.day.isoformat()}"
