"""Subscriptions, and what each was worth a month, when."""

from datetime import UTC, datetime
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models

from .base import UNSURE, BillingModel, StripeObject

OPEN_END: Final = 253_402_300_800
"""`MrrSpan.ends` of a span without an end: the year 10000 in unix seconds."""


class PaymentStatus(models.TextChoices):
    """How a subscription stands with its newest finalized invoice."""

    NONE = "none", "Nothing billed yet"
    DUE = "due", "Payment due"
    FAILING = "failing", "Payment failing"
    ACTION_REQUIRED = "action_required", "Customer must confirm"
    PAID = "paid", "Paid"
    WRITTEN_OFF = "written_off", "Written off"
    VOID = "void", "Voided"


class Subscription(StripeObject):
    """A subscription with its items (`snapshots.ItemState` as JSON).

    `awaiting` names terms that are not known yet ("price:price_…", "discount:di_…"); until Stripe has been asked, its
    MRR is computed without them and the page says so.

    `payment_status`, `failed_attempts` (of its open invoices, since it last paid one) and `last_paid_at` are derived
    from invoices, payments and failures (billing/actions/standing.py).
    """

    customer = models.TextField()
    status = models.TextField()
    created = models.DateTimeField()
    currency = models.TextField(null=True)
    items = models.JSONField(default=list)
    discounts = models.JSONField(default=list)
    cancel_at_period_end = models.BooleanField(default=False)
    cancel_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancellation_reason = models.TextField(null=True)
    trial_start = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    pause_behavior = models.TextField(null=True)
    pause_resumes_at = models.DateTimeField(null=True)
    current_period_start = models.DateTimeField(null=True)
    current_period_end = models.DateTimeField(null=True)
    collection_method = models.TextField(null=True)
    latest_invoice = models.TextField(null=True)
    billing_mode = models.TextField(default="classic")
    awaiting = ArrayField(models.TextField(), default=list)
    payment_status = models.TextField(choices=PaymentStatus, default=PaymentStatus.NONE, db_default="none")
    failed_attempts = models.IntegerField(default=0, db_default=0)
    last_paid_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="subscription_unique"),)
        indexes = (
            models.Index(fields=("workspace", "mode", "customer"), name="subscription_customer"),
            models.Index(fields=("workspace", "mode", "created", "id"), name="subscription_by_creation"),
            models.Index(fields=("workspace", "mode", "stripe_id"), name="subscription_unsure", condition=UNSURE),
            models.Index(fields=("workspace", "mode", "status", "created", "id"), name="subscription_by_status"),
            models.Index(
                fields=("workspace", "mode", "stripe_id"),
                name="subscription_awaiting",
                condition=~models.Q(awaiting=[]),
            ),
            models.Index(
                fields=("workspace", "mode", "stripe_id"),
                name="subscription_scheduled",
                condition=models.Q(status__in=("active", "past_due"))
                & (models.Q(cancel_at_period_end=True) | models.Q(cancel_at__isnull=False)),
            ),
        )


class MrrSpan(BillingModel):
    """What one subscription item is worth a month from `starts` (included) to `ends` (excluded), unix seconds.

    Together the spans are the step function of MRR over time, derived from the versions: MRR at an instant is the sum
    of `monthly` over the spans that contain it. `monthly` is in minor units; `trial` spans are trial MRR instead.
    `involuntary`: what ended the span was a failed payment, not anybody's wish.
    """

    subscription = models.TextField()
    customer = models.TextField()
    item = models.TextField()
    price = models.TextField()
    currency = models.CharField(max_length=3)
    monthly = models.DecimalField(max_digits=38, decimal_places=18)
    trial = models.BooleanField(default=False)
    involuntary = models.BooleanField(default=False, db_default=False)
    starts = models.BigIntegerField()
    ends = models.BigIntegerField(default=OPEN_END)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "subscription", "item", "trial", "starts"), name="mrr_span_unique"
            ),
            models.CheckConstraint(condition=models.Q(starts__lt=models.F("ends")), name="mrr_span_not_empty"),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "ends", "starts"), name="mrr_span_at"),
            models.Index(fields=("workspace", "mode", "customer"), name="mrr_span_customer"),
        )

    def __str__(self) -> str:
        return f"{self.subscription} {self.monthly} {self.currency} from {datetime.fromtimestamp(self.starts, UTC):%F}"
