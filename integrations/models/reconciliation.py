"""Comparisons of what is known here with what Stripe says: runs, objects that look different, differences found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from pqintel.workspaces.tenancy import TenantModel

from .connections import MODES, Connection


class Phase(models.TextChoices):
    """Where a run stands; it goes through these in their order."""

    EVENTS = "events", "Reading missed events"
    LISTING = "listing", "Comparing with Stripe"
    CONFIRMING = "confirming", "Looking again at differences"
    CLOSING = "closing", "Checking the repairs"
    FINISHED = "finished", "Finished"


class Reconciliation(TenantModel):
    """One comparison of a connection's objects with Stripe's. One at a time per connection.

    `kind` and `place` say where the listing is to go on; `counts` how many objects of each kind were compared, and
    `skipped` which kinds could not be, with the reason. `asked_by` is a person's address, or empty for the nightly run.
    `busy_until` is the lease of the worker that does the next part.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    asked_by = models.TextField(blank=True, default="")
    repairs = models.BooleanField(default=True)
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.EVENTS)
    kind = models.TextField(blank=True, default="")
    place = models.TextField(blank=True, default="")
    counts = models.JSONField(default=dict)
    skipped = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(default=timezone.now)
    busy_until = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(default=0, help_text="In a row; each makes the next try come later.")
    failure = models.TextField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode"), name="reconciliation_running", condition=Q(finished_at=None)
            ),
        )
        indexes = (models.Index(fields=("workspace", "mode", "-started_at"), name="reconciliation_newest"),)

    def __str__(self) -> str:
        return f"{self.phase} since {self.started_at:%F %H:%M}"


class Suspect(TenantModel):
    """An object that looked different: to be looked at again, because what changes just now always does.

    `shown` is the digest of what Stripe said when it was looked at last.
    """

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.TextField()
    object_id = models.TextField()
    shown = models.TextField(blank=True, default="")
    looks = models.SmallIntegerField(default=1)
    due_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "reconciliation", "kind", "object_id"), name="suspect_unique"),
        )
        indexes = (models.Index(fields=("workspace", "reconciliation", "due_at"), name="suspect_due"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Drift(TenantModel):
    """One field of one object that differs. `field` empty = the whole object is missing, on the side that is null.

    `amount` is what the difference is about, in minor units of `currency`: Stripe's less ours, monthly for
    subscriptions; null where no money is. `repaired_at` is when it was seen to be gone.
    """

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    kind = models.TextField()
    object_id = models.TextField()
    field = models.TextField(blank=True)
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    amount = models.DecimalField(max_digits=38, decimal_places=18, null=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    found_at = models.DateTimeField()
    repaired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "reconciliation", "kind", "object_id", "field"), name="drift_unique"
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "-id"), name="drift_newest"),
            models.Index(fields=("workspace", "mode", "id"), name="drift_open", condition=Q(repaired_at=None)),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} {self.field}".strip()
