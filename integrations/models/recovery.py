"""How far Stripe's own list of events has been read, and what of it came too late."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.utils import timezone

from pqintel.workspaces.tenancy import TenantModel

from .connections import MODES, Connection

SILENT_AFTER: Final = timedelta(minutes=10)
"""Shorter is no silence: Stripe's list of events is read every five or six minutes, up to a minute before."""


class Recovery(TenantModel):
    """Up to when a connection's events have been compared with Stripe's list of them. One row per connection.

    `read_until` is a time of Stripe's clock; null = nothing was read yet. `found` counts the events that had not been
    delivered, `missed` those among them of types that every endpoint selects, so that they were really lost on their
    way. `busy_until` is the lease of the worker that reads now.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    read_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(default=timezone.now)
    busy_until = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    last_found_at = models.DateTimeField(null=True)
    found = models.BigIntegerField(default=0)
    missed = models.BigIntegerField(default=0)
    failures = models.SmallIntegerField(default=0, help_text="In a row; each makes the next try come later.")
    failure = models.TextField(null=True)

    class Meta:
        verbose_name_plural = "recoveries"
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="recovery_unique"),)
        indexes = (models.Index(fields=("workspace", "due_at"), name="recovery_due"),)

    def __str__(self) -> str:
        return f"read until {self.read_until}"


class Gap(TenantModel):
    """A time whose events nobody can tell any more: Stripe lists those of 30 days, and nobody asked for longer."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "starts"), name="gap_unique"),)

    def __str__(self) -> str:
        return f"{self.starts:%F} to {self.ends:%F}"


class Silence(TenantModel):
    """A time in which Stripe was not heard of for more than ten minutes: until `ends` it was known up to `starts`.

    Written by whoever hears of Stripe again (`integrations.stripe.freshness`). While a long outage is read back in
    slices there is one for each, and they overlap: what was known then is the earliest of their beginnings.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    starts = models.DateTimeField()
    ends = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "starts"), name="silence_unique"),)
        indexes = (models.Index(fields=("workspace", "mode", "ends"), name="silence_end"),)

    def __str__(self) -> str:
        return f"{self.starts:%F %T} to {self.ends:%F %T}"
