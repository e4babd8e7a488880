"""Invoices, payments, and which payment belongs to which invoice."""

from django.db import models

from .base import UNSURE, BillingModel, StripeObject


class Invoice(StripeObject):
    """An invoice; amounts in minor units of `currency`."""

    customer = models.TextField(null=True)
    subscription = models.TextField(null=True)
    status = models.TextField(null=True)
    currency = models.TextField()
    created = models.DateTimeField()
    number = models.TextField(null=True)
    subtotal = models.BigIntegerField(null=True)
    total = models.BigIntegerField(null=True)
    tax = models.BigIntegerField(null=True)
    amount_due = models.BigIntegerField()
    amount_paid = models.BigIntegerField()
    amount_remaining = models.BigIntegerField()
    attempt_count = models.IntegerField()
    attempted = models.BooleanField()
    next_payment_attempt = models.DateTimeField(null=True)
    billing_reason = models.TextField(null=True)
    collection_method = models.TextField(null=True)
    due_date = models.DateTimeField(null=True)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    marked_uncollectible_at = models.DateTimeField(null=True)
    hosted_invoice_url = models.TextField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="invoice_unique"),)
        indexes = (
            models.Index(fields=("workspace", "mode", "created", "id"), name="invoice_by_creation"),
            models.Index(fields=("workspace", "mode", "stripe_id"), name="invoice_unsure", condition=UNSURE),
            models.Index(fields=("workspace", "mode", "status", "created", "id"), name="invoice_by_status"),
            models.Index(fields=("workspace", "mode", "customer", "created", "id"), name="invoice_of_customer"),
            models.Index(fields=("workspace", "mode", "subscription", "status", "paid_at"), name="invoice_standing"),
        )

    def __str__(self) -> str:
        return self.number or self.stripe_id


class Payment(StripeObject):
    """A payment intent; amounts in minor units. The failure fields are those of its last attempt."""

    customer = models.TextField(null=True)
    status = models.TextField()
    amount = models.BigIntegerField()
    amount_received = models.BigIntegerField(null=True)
    currency = models.TextField()
    created = models.DateTimeField()
    charge = models.TextField(null=True)
    failure_code = models.TextField(null=True)
    decline_code = models.TextField(null=True)
    advice_code = models.TextField(null=True)
    failure_message = models.TextField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="payment_unique"),)
        indexes = (
            models.Index(fields=("workspace", "mode", "created", "id"), name="payment_by_creation"),
            models.Index(fields=("workspace", "mode", "stripe_id"), name="payment_unsure", condition=UNSURE),
            models.Index(fields=("workspace", "mode", "status", "created", "id"), name="payment_by_status"),
            models.Index(fields=("workspace", "mode", "customer", "created", "id"), name="payment_of_customer"),
        )


class PaymentLink(BillingModel):
    """A payment that pays an invoice. Links only accrue: shapes that do not name them take nothing away."""

    invoice = models.TextField()
    payment = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "invoice", "payment"), name="payment_link_unique"),
        )
        indexes = (models.Index(fields=("workspace", "mode", "payment"), name="payment_link_payment"),)

    def __str__(self) -> str:
        return f"{self.payment} pays {self.invoice}"
