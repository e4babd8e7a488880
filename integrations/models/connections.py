"""Connections to Stripe, the inbox of verified events, refusals, and reads that wait to be made."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.vault import SealedBytesField, SealedTextField
from pqintel.workspaces.tenancy import TenantModel

MODES = [(mode.value, mode.value.title()) for mode in Mode]
LONG_WAIT: Final = timedelta(minutes=10)
"""Usually an event is processed within a second of being received."""


class ConnectionStatus(models.TextChoices):
    NEW = "new", "Not connected"
    DRAFT = "draft", "Being verified"
    CONNECTED = "connected", "Connected"
    BROKEN = "broken", "Broken"


class SigningState(models.TextChoices):
    UNPROVEN = "unproven", "Unproven"
    PROVEN = "proven", "Proven by a delivery"
    REFUSED = "refused", "A delivery was refused"


class Connection(TenantModel):
    """A workspace's Stripe credentials in one mode, and its lane: one worker at a time drains it.

    Drafts lie beside the working credentials until their checks pass. `token` is the secret part of the webhook URL;
    it is looked up by its SHA-256. `checks` is the last run of Save & Verify, `looked` what the diagnostics page found
    out about the working credentials since: `{"at": …, "lines": […]}`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mode = models.CharField(max_length=4, choices=MODES)
    status = models.CharField(max_length=10, choices=ConnectionStatus, default=ConnectionStatus.NEW)
    token = SealedTextField()
    token_hash = models.BinaryField(max_length=32)
    publishable_key = SealedTextField(null=True)
    secret_key = SealedTextField(null=True)
    webhook_secret = SealedTextField(null=True)
    previous_webhook_secret = SealedTextField(null=True)
    previous_valid_until = models.DateTimeField(null=True)
    draft_publishable_key = SealedTextField(null=True)
    draft_secret_key = SealedTextField(null=True)
    draft_webhook_secret = SealedTextField(null=True)
    checks = models.JSONField(default=list)
    next_check = models.TextField(blank=True, default="")
    looked = models.JSONField(null=True)
    account_id = models.TextField(null=True)
    signing_state = models.CharField(max_length=10, choices=SigningState, default=SigningState.UNPROVEN)
    signing_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    last_delivery_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode"), name="connection_unique"),
            models.UniqueConstraint(fields=("token_hash",), name="connection_token_unique"),
        )

    def __str__(self) -> str:
        return f"Stripe ({self.mode})"

    @property
    def lane(self) -> int:
        """The number of this connection's lane: what doorbells carry and the lane's lock is named by."""
        return lane_of(self.workspace_id, Mode(self.mode))


class InboxState(models.TextChoices):
    PENDING = "pending", "Waiting"
    DONE = "done", "Done"
    IGNORED = "ignored", "Ignored: type not used"
    REJECTED = "rejected", "Rejected: other account or mode"
    QUARANTINED = "quarantined", "Quarantined"
    DISMISSED = "dismissed", "Dismissed"
    HELD = "held", "Held: not in the plan"


class InboxEvent(TenantModel):
    """A verified event, waiting or dealt with. `body` is sealed, and wiped once the event is processed.

    `event_id` is Stripe's, or `sha256:…` of a body that has none. `tries` counts the batches it was part of when one
    died; `solo_tries` counts how often it died alone, which is what leads to quarantine.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    event_id = models.TextField()
    state = models.CharField(max_length=11, choices=InboxState, default=InboxState.PENDING)
    body = SealedBytesField(identity="event_id", null=True)
    tries = models.SmallIntegerField(default=0)
    solo_tries = models.SmallIntegerField(default=0)
    received_at = models.DateTimeField()
    proves = models.BooleanField(default=False, help_text="Signed with the current signing secret.")
    processed_at = models.DateTimeField(null=True)
    event_type = models.TextField(null=True)
    api_version = models.TextField(null=True)
    happened_at = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    recovered = models.BooleanField(
        default=False, db_default=False, help_text="Read from Stripe's list of events, because it was never delivered."
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "event_id"), name="inbox_event_unique"),)
        indexes = (
            models.Index(
                fields=("workspace", "connection", "id"), name="inbox_pending", condition=models.Q(state="pending")
            ),
            models.Index(
                fields=("workspace", "connection", "state", "id"),
                name="inbox_set_aside",
                condition=~models.Q(state="done"),
            ),
            # The few that waited long, for whoever asks when processing was behind.
            models.Index(
                fields=("workspace", "mode", "processed_at"),
                name="inbox_waited",
                condition=models.Q(GreaterThan(models.F("processed_at") - models.F("received_at"), LONG_WAIT)),
            ),
        )

    def __str__(self) -> str:
        return self.event_id


class RefusedDelivery(TenantModel):
    """How many deliveries were refused at a connection's URL in one hour, by reason. Nothing of them is stored."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    reason = models.TextField()
    hour = models.DateTimeField()
    count = models.IntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "refused deliveries"
        constraints = (
            models.UniqueConstraint(fields=("workspace", "connection", "reason", "hour"), name="refused_unique"),
        )

    def __str__(self) -> str:
        return f"{self.count} × {self.reason}"


class Read(TenantModel):
    """Something only Stripe's API can answer: a tiered price's tiers, a discount's terms, the order of a tie.

    The answer enters the inbox as one more event of the lane (`pqintel.read`).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    what = models.TextField()
    object_id = models.TextField()
    due_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    failure = models.TextField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "connection", "what", "object_id"),
                name="read_unique",
                condition=models.Q(done_at=None),
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "due_at"), name="read_due", condition=models.Q(done_at=None)),
            models.Index(fields=("workspace", "connection", "what", "object_id"), name="read_asked"),
        )

    def __str__(self) -> str:
        return f"{self.what} {self.object_id}"
