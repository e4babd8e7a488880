"""Where messages go, and every message that was to go there: the outbox."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from pqintel.vault import SealedTextField
from pqintel.workspaces.tenancy import TenantModel

from .connections import MODES


class ChannelKind(models.TextChoices):
    SLACK_WEBHOOK = "slack_webhook", "Slack webhook"
    SLACK_BOT = "slack_bot", "Slack bot"
    TELEGRAM = "telegram", "Telegram"
    EMAIL = "email", "Email"


class ChannelState(models.TextChoices):
    OK = "ok", "Working"
    BROKEN = "broken", "Broken"
    UNCONFIRMED = "unconfirmed", "Not ready"


class Channel(TenantModel):
    """A place that messages of a workspace go to. It belongs to both modes.

    `number` counts within the workspace: URLs and the lane are named by it. `secret` is the webhook's URL or the bot's
    token, and is wiped when the channel is removed; the row stays, because its deliveries are history. `target` is the
    channel id, chat id or address; of a webhook, whose whole URL is secret, its last four letters.

    `state` changes by `integrations.channels.roster` and `sending` alone; `reason` says why it is not "ok" (the
    provider's own words), `since` when that began, `told_at` when somebody was told of it by mail: null while that mail
    is owed. `telling_at` is committed before it is sent and taken away with its outcome, as `Delivery.claimed_at`;
    `lost_tellings` of its senders died. Nothing is sent before `next_send_at`: the provider's rate limit, what it asked
    for by Retry-After, or a pause after a failure.
    `links_mailed` counts the links that were mailed to confirm an address.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.IntegerField()
    kind = models.CharField(max_length=13, choices=ChannelKind)
    name = models.CharField(max_length=80)
    secret = SealedTextField(null=True)
    target = models.TextField(blank=True)
    state = models.CharField(max_length=11, choices=ChannelState, default=ChannelState.OK)
    reason = models.TextField(blank=True, default="")
    since = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)
    telling_at = models.DateTimeField(null=True)
    lost_tellings = models.SmallIntegerField(default=0, db_default=0)
    failures = models.IntegerField(default=0, help_text="In a row; each makes the next try come later.")
    next_send_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    links_mailed = models.SmallIntegerField(default=0)
    created_by = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "number"), name="channel_number_unique"),)

    def __str__(self) -> str:
        return self.name


class ChannelOutage(TenantModel):
    """A time in which a channel was broken: from `starts` until `ends` (null: it still is), and why.

    Written with the channel's state, under its lock, so that what was so at any instant can be told later.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+", db_index=False)
    starts = models.DateTimeField()
    ends = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "channel"), name="channel_outage_one_at_once", condition=models.Q(ends=None)
            ),
        )
        indexes = (models.Index(fields=("workspace", "ends"), name="channel_outage_end"),)

    def __str__(self) -> str:
        return f"{self.starts:%F %T} to {self.ends:%F %T}" if self.ends else f"since {self.starts:%F %T}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Skipped"


class Delivery(TenantModel):
    """One message to one channel, decided once: `dedupe_key` is unique per channel.

    `message` is a `channels.message.Message` as JSON, never a payload. `mode` is null where the message is about none.
    `claimed_at` is set and committed before the message is sent, and taken away with its outcome: where it is still set
    later, the sender died in between, and what is sent again may be there already (`possible_duplicate`), once.
    `give_up_at` ends the tries; `answer` is what the provider said last, without secrets.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES, null=True)
    dedupe_key = models.TextField()
    message = models.JSONField()
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.WAITING)
    reason = models.TextField(blank=True, default="")
    tries = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, default="")
    possible_duplicate = models.BooleanField(default=False)
    lost_claims = models.SmallIntegerField(default=0, help_text="How many senders died while sending it.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(fields=("workspace", "channel", "dedupe_key"), name="delivery_decided_once"),
        )
        indexes = (
            models.Index(
                fields=("workspace", "channel", "next_attempt_at"),
                name="delivery_waiting",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=("workspace", "-id"), name="delivery_newest"),
            models.Index(fields=("workspace", "channel", "-id"), name="delivery_newest_of_channel"),
        )

    def __str__(self) -> str:
        return f"{self.dedupe_key} ({self.state})"
