"""What a workspace chose about its numbers, and the exchange rates they are converted by."""

from __future__ import annotations

from django.db import models

from pqintel.workspaces.tenancy import TenantModel

from .base import BillingModel


class ChurnAt(models.TextChoices):
    """When MRR leaves after a cancellation was asked for."""

    END = "end", "When the subscription ends"
    REQUEST = "request", "When the cancellation is asked for"


class BillingSettings(TenantModel):
    """One row per workspace that changed something; without a row the defaults hold.

    `reporting_currency` null = the currency with the largest MRR. `past_due_days` null = `past_due` always counts.
    `version` grows with every change that makes derived rows wrong: they are then computed again (`Recalculation`).
    The time zone in which days begin is the workspace's own.
    """

    reporting_currency = models.CharField(max_length=3, null=True)
    churn_at = models.CharField(max_length=7, choices=ChurnAt, default=ChurnAt.END)
    past_due_days = models.PositiveSmallIntegerField(null=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "billing settings"
        constraints = (models.UniqueConstraint(fields=("workspace",), name="billing_settings_unique"),)

    def __str__(self) -> str:
        return f"settings, version {self.version}"


class Recalculation(BillingModel):
    """How far the derived rows of one mode have been computed again after a setting changed.

    Customers are taken in order of their ids; `cursor` is the last one done ('' = none yet), `done_at` the end.
    """

    reason = models.TextField()
    cursor = models.TextField(default="")
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="recalculation_unique"),)

    def __str__(self) -> str:
        return self.reason


class ExchangeRate(models.Model):
    """How many units of `currency` one euro bought on a day. Reference data, the same for every workspace.

    Published by the European Central Bank on its working days; others can be entered by hand. The newest `changed_at`
    tells pages that some rate is another than before.
    """

    day = models.DateField()
    currency = models.CharField(max_length=3)
    per_euro = models.DecimalField(max_digits=24, decimal_places=10)
    source = models.TextField(default="manual")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("currency", "day"), name="exchange_rate_unique"),
            models.CheckConstraint(condition=models.Q(per_euro__gt=0), name="exchange_rate_positive"),
        )
        indexes = (models.Index(fields=("-changed_at",), name="exchange_rate_changed"),)

    def __str__(self) -> str:
        return f"{self.per_euro} {self.currency} per euro on {self.day}"
