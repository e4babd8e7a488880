"""Dunning cases, and all that was done about each."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F

from billing.declines import DECLINES
from billing.models.base import BillingModel
from billing.money import Money
from dunning.plan import Plan


class CaseState(models.TextChoices):
    """How far a case has got, then how it ended."""

    OPEN = "open", "Open"
    REMINDING = "reminding", "Reminding"
    ESCALATED = "escalated", "Escalated"
    FINAL = "final", "Final warning"
    DOWNGRADED = "downgraded", "Downgraded"
    RECOVERED = "recovered", "Recovered"
    LOST = "lost", "Lost"
    CANCELED = "canceled", "Canceled"
    VOIDED = "voided", "Voided"
    EXCLUDED = "excluded", "Excluded"
    RESOLVED = "resolved", "Resolved"


RUNNING = (CaseState.OPEN, CaseState.REMINDING, CaseState.ESCALATED, CaseState.FINAL, CaseState.DOWNGRADED)
"""The states of a case that has not ended."""
_STILL_RUNS = models.Q(closed_at=None)


class Case(BillingModel):
    """One unpaid invoice that is dunned. Changed by `dunning.cases` alone.

    `opened_at` is the first failed attempt; nothing is done before `settles_at`, because what Stripe says of one
    attempt comes in several events. `amount` (minor units) is what was owed then, `tier` the customer's at that time,
    `decline` of the first attempt that told one. `plan` and `texts` are the terms and the letters' texts that it began
    with. `done` names the steps (`dunning.schedule`) that were decided; `next_step` is due at `next_step_at`.
    `last_letter` and `last_letter_at`: the newest letter. `reason` says how it ended, in words.
    """

    invoice = models.TextField()
    number = models.TextField(null=True)
    customer = models.TextField()
    subscription = models.TextField(null=True)
    tier = models.TextField(null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=CaseState, default=CaseState.OPEN)
    reason = models.TextField(default="")
    opened_at = models.DateTimeField()
    settles_at = models.DateTimeField()
    attempts = models.IntegerField(default=1)
    next_attempt_at = models.DateTimeField(null=True)
    decline = models.TextField(null=True, choices=DECLINES)
    plan = models.JSONField(default=dict)
    texts = models.JSONField(default=dict)
    done = ArrayField(models.TextField(), default=list)
    next_step = models.TextField(null=True)
    next_step_at = models.DateTimeField(null=True)
    last_letter = models.TextField(default="")
    last_letter_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    downgraded_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "invoice"), name="dunning_case_unique"),)
        indexes = (
            models.Index(
                fields=("workspace", "mode", "next_step_at"),
                name="dunning_case_due",
                condition=_STILL_RUNS & models.Q(paused_at=None, next_step_at__isnull=False),
            ),
            models.Index(fields=("workspace", "mode", "customer"), name="dunning_case_customer"),
            models.Index(
                fields=("workspace", "mode", "subscription"), name="dunning_case_subscr", condition=_STILL_RUNS
            ),
            models.Index(fields=("workspace", "mode", "opened_at", "id"), name="dunning_case_newest"),
            models.Index(fields=("workspace", "mode", "state", "opened_at", "id"), name="dunning_case_by_state"),
        )

    def __str__(self) -> str:
        return f"{self.label}: {self.get_state_display()}"

    @property
    def label(self) -> str:
        return self.number or self.invoice

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def runs(self) -> bool:
        return self.closed_at is None

    @property
    def newest_letter(self) -> str:
        """What tells the last letter that was written from every other of this case; "" before the first."""
        return f"{self.last_letter}:{self.last_letter_at.timestamp():.0f}" if self.last_letter_at else ""

    @property
    def terms(self) -> Plan:
        return Plan.of(self.plan)


class EntryKind(models.TextChoices):
    OPENED = "opened", "Opened"
    FAILED = "failed", "Attempt failed"
    LETTER = "letter", "Letter"
    TOLD = "told", "Team told"
    SKIPPED = "skipped", "Skipped"
    DOWNGRADED = "downgraded", "Downgraded"
    LOOKED = "looked", "Looked at Stripe"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"
    CLOSED = "closed", "Closed"
    FREED = "freed", "Access given back"


class CaseEntry(BillingModel):
    """A line of a case's timeline, in words. `key` is the dedupe key of the message that it is about, if it is about
    one: under it the letter or the deliveries tell what became of it. `by` is a person, or empty.
    """

    invoice = models.TextField()
    kind = models.CharField(max_length=10, choices=EntryKind)
    at = models.DateTimeField()
    text = models.TextField()
    key = models.TextField(default="")
    by = models.TextField(default="")

    class Meta:
        verbose_name_plural = "case entries"
        indexes = (models.Index("workspace", "mode", "invoice", F("id").desc(), name="dunning_entry_of_case"),)

    def __str__(self) -> str:
        return self.text
