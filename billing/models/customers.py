"""Customers and the checkouts that brought them."""

from django.db import models
from django.db.models import F

from .base import UNSURE, BillingModel, StripeObject


class Customer(StripeObject):
    """A customer. Known by reference alone (position -1) until an event shows it whole; until then, name and email are
    those of the newest checkout that brought them, if one did.
    """

    created = models.DateTimeField(null=True)
    email = models.TextField(null=True)
    name = models.TextField(null=True)
    country = models.TextField(null=True)
    currency = models.TextField(null=True)
    delinquent = models.BooleanField(null=True)
    deleted = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="customer_unique"),)
        indexes = (
            models.Index("workspace", "mode", F("created").asc(nulls_first=True), "id", name="customer_by_creation"),
            models.Index(fields=("workspace", "mode", "stripe_id"), name="customer_unsure", condition=UNSURE),
        )

    def __str__(self) -> str:
        return self.name or self.email or self.stripe_id


class CustomerWord(BillingModel):
    """One word of a customer's name or email, as `billing.search` compares them. Derived from the customer's state."""

    customer = models.TextField()
    word = models.TextField(db_collation="C")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "word", "customer"), name="customer_word_unique"),
        )
        indexes = (models.Index(fields=("workspace", "mode", "customer"), name="customer_word_customer"),)

    def __str__(self) -> str:
        return f"{self.word} of {self.customer}"


class Checkout(StripeObject):
    """A checkout session that was completed or expired. `kind` is Stripe's `mode`: payment, setup or subscription."""

    customer = models.TextField(null=True)
    subscription = models.TextField(null=True)
    kind = models.TextField()
    status = models.TextField(null=True)
    payment_status = models.TextField(null=True)
    created = models.DateTimeField(null=True)
    currency = models.TextField(null=True)
    amount_total = models.BigIntegerField(null=True)
    client_reference_id = models.TextField(null=True)
    email = models.TextField(null=True)
    name = models.TextField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="checkout_unique"),)
        indexes = (
            models.Index(fields=("workspace", "mode", "customer"), name="checkout_customer"),
            models.Index(fields=("workspace", "mode", "stripe_id"), name="checkout_unsure", condition=UNSURE),
        )
