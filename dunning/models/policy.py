"""How a workspace wants unpaid invoices dunned, and whose it leaves alone."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from billing.models.base import BillingModel
from dunning.plan import FallsTo, Plan

MOST_DAYS: Final = 90
CARD_DAYS: Final = (7, 60)
"""How many days before a card expires its owner can be written to, at least and at most."""
FALLS_TO: Final = [
    (FallsTo.FREE.value, "The free tier"),
    (FallsTo.NONE.value, "No access"),
    (FallsTo.KEEP.value, "Nothing changes"),
]
"""What access may fall to, in words."""


def _days(default: int) -> models.PositiveSmallIntegerField[int | None, int | None]:
    return models.PositiveSmallIntegerField(null=True, default=default, validators=[MaxValueValidator(MOST_DAYS)])


class Policy(BillingModel):
    """The terms that new cases of one mode begin with (`dunning.plan.Plan` says what each field means); without a row,
    the defaults hold.

    While `enabled` is off, no case is opened and no step of a running one is taken. `channels` are numbers of the
    channels that the team is told in; none chosen = all, all of them removed = nowhere. Both count at once, also for
    running cases.

    `card_notice`: customers are told that their card expires, so many days before its last one (`card_notice_days`).
    It has nothing to do with cases, nor with `enabled`.
    """

    enabled = models.BooleanField(default=True)
    at_once = models.BooleanField(default=True)
    first_days = _days(3)
    second_days = _days(7)
    final_days = _days(10)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    escalate_attempts = models.PositiveSmallIntegerField(null=True, default=3)
    escalate_amounts = models.JSONField(default=dict)
    downgrade_attempts = models.PositiveSmallIntegerField(null=True, default=4)
    grace_days = models.PositiveSmallIntegerField(default=14, validators=[MaxValueValidator(MOST_DAYS)])
    falls_to = models.CharField(
        max_length=4,
        default=FallsTo.FREE.value,
        choices=FALLS_TO,
    )
    retry_watch = models.BooleanField(default=True)
    channels = ArrayField(models.IntegerField(), default=list)
    card_notice = models.BooleanField(default=False, db_default=False)
    card_notice_days = models.PositiveSmallIntegerField(
        default=30, db_default=30, validators=[MinValueValidator(CARD_DAYS[0]), MaxValueValidator(CARD_DAYS[1])]
    )
    changed_at = models.DateTimeField(null=True)
    changed_by = models.TextField(default="")

    class Meta:
        verbose_name_plural = "policies"
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="dunning_policy_unique"),)

    def __str__(self) -> str:
        return f"dunning {'on' if self.enabled else 'off'} ({self.mode})"

    def plan(self, zone: str) -> Plan:
        """The terms for a case that opens now, in the workspace's time zone."""
        return Plan(
            at_once=self.at_once,
            first_days=self.first_days,
            second_days=self.second_days,
            final_days=self.final_days,
            quiet_from=self.quiet_from,
            quiet_until=self.quiet_until,
            zone=zone,
            escalate_attempts=self.escalate_attempts,
            escalate_amounts=self.escalate_amounts,
            downgrade_attempts=self.downgrade_attempts,
            grace_days=self.grace_days,
            falls_to=FallsTo(self.falls_to),
            retry_watch=self.retry_watch,
        )


class ExclusionKind(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    TIER = "tier", "Tier"


class Exclusion(BillingModel):
    """Somebody who is not dunned: a customer (Stripe's id), or all who had a tier (its key) when their case began."""

    kind = models.CharField(max_length=8, choices=ExclusionKind)
    value = models.TextField()
    reason = models.TextField(default="")
    created_at = models.DateTimeField()
    created_by = models.TextField(default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "kind", "value"), name="dunning_exclusion_unique"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value} is not dunned"
