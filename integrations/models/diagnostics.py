"""What is kept to explain how a connection fares: counts of its deliveries, how long they took, who changed it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from pqintel.workspaces.tenancy import TenantModel

from .connections import Connection


class DeliveryCount(TenantModel):
    """How many deliveries of one type and API version came to one end within an hour (of processing, UTC).

    Counted in the statement that settles them, so that pages never count the inbox. Neither our test events nor what
    was read from Stripe is a delivery. An event that is replayed comes to an end twice. `event_type` and `api_version`
    are empty where the body did not tell.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    event_type = models.TextField(blank=True)
    api_version = models.TextField(blank=True)
    state = models.CharField(max_length=11)
    count = models.IntegerField()
    last_at = models.DateTimeField(help_text="When the last one arrived.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "connection", "hour", "event_type", "api_version", "state"),
                name="delivery_count_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.count} × {self.event_type} {self.state}"


class DeliveryLag(TenantModel):
    """How many deliveries of an hour took how long from being received to being processed, on their first try.

    `bucket` b: at most 2^(b/2) milliseconds, and more than the bucket below (`integrations.diagnostics.lag`).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    bucket = models.SmallIntegerField()
    count = models.IntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "connection", "hour", "bucket"), name="delivery_lag_unique"),
        )

    def __str__(self) -> str:
        return f"{self.count} in bucket {self.bucket}"


class ChangeKind(models.TextChoices):
    """What happened to a connection's credentials."""

    ENTERED = "entered", "Credentials entered"
    CONNECTED = "connected", "Credentials in use"
    BROKEN = "broken", "Found not to work any more"
    DISCONNECTED = "disconnected", "Disconnected"


class ConnectionChange(TenantModel):
    """One change of a connection: what, when, by whom; never a value. Append-only.

    `fields` names what was entered or replaced. `by` is a person's address or a command; empty = nobody in particular.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=ChangeKind)
    fields = models.JSONField(default=list)
    by = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("workspace", "connection", "-id"), name="connection_change_newest"),)

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def labels(self) -> list[str]:
        """The names of the fields, as the form has them."""
        return [str(name).replace("_", " ") for name in self.fields]
