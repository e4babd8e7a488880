"""Failed attempts to collect money."""

from __future__ import annotations

from django.db import models

from billing.declines import DECLINES, for_team

from .base import BillingModel


class Failure(BillingModel):
    """One failed attempt: (invoice, attempt), or (payment, attempt) where no invoice is known.

    Derived from the facts `invoice.payment_failed` and `payment.failed` (billing/failures.py), of which Stripe sends
    one each per attempt: whichever came first, they are one row, and `invoice_event` and `payment_event` say which of
    them are known. `subject` is the invoice or payment that `attempt` counts for; attempts by hand count too, unlike
    in Stripe's own `attempt_count`. An earlier attempt that becomes known late moves the later ones up: `keys` are
    what names an attempt for good.

    `amount` in minor units of `currency`. `decline` is what the reason means (`declines.Decline`), null while nothing
    has told a reason. `message` is Stripe's and may name what customers must not be told.
    """

    subject = models.TextField()
    attempt = models.IntegerField()
    invoice = models.TextField(null=True)
    payment = models.TextField(null=True)
    charge = models.TextField(null=True)
    customer = models.TextField(null=True)
    subscription = models.TextField(null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    happened_at = models.DateTimeField()
    attempt_count = models.IntegerField(null=True)
    next_payment_attempt = models.DateTimeField(null=True)
    code = models.TextField(null=True)
    decline_code = models.TextField(null=True)
    advice_code = models.TextField(null=True)
    message = models.TextField(null=True)
    decline = models.TextField(null=True, choices=DECLINES)
    invoice_event = models.TextField(null=True)
    payment_event = models.TextField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "subject", "attempt"), name="failure_unique"),
            models.CheckConstraint(
                condition=models.Q(invoice_event__isnull=False) | models.Q(payment_event__isnull=False),
                name="failure_was_told",
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "-happened_at"), name="failure_newest"),
            models.Index(fields=("workspace", "mode", "customer", "-happened_at"), name="failure_customer"),
        )

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.subject}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The events that told of this attempt: whoever acts once per failure remembers all of them."""
        return tuple(event for event in (self.invoice_event, self.payment_event) if event)

    @property
    def reason(self) -> str:
        """In words, for the team."""
        return for_team(self.code, self.decline_code)
