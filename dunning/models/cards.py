"""Cards that customers pay with, for the notice that one expires soon."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from billing.models.base import BillingModel


class Card(BillingModel):
    """A card that a customer has paid with, as its newest charge that succeeded showed it.

    `charge` and `charged_at` are of that charge. `looked_at`: when it was last judged whether its customer is to be
    written to. Kept only while the notice is on (`Policy.card_notice`), for 13 months after the charge.
    """

    customer = models.TextField()
    payment_method = models.TextField()
    brand = models.TextField()
    last4 = models.CharField(max_length=4)
    exp_year = models.PositiveSmallIntegerField()
    exp_month = models.PositiveSmallIntegerField()
    charge = models.TextField(db_collation="C")
    charged_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "customer", "payment_method"), name="dunning_card_unique"
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "exp_year", "exp_month", "id"), name="dunning_card_expiring"),
        )

    def __str__(self) -> str:
        return f"•••• {self.last4} ({self.exp_month:02}/{self.exp_year})"


class CardReading(BillingModel):
    """How far the charges of an account were read for their cards, and how the round of today stands.

    Everything up to `read_until` was read (null: nothing yet). While a round goes on, `began_at` is set; it reads the
    charges from `window_from` to `window_until`, the newest first, and goes on at `place`, then judges the cards. The
    next thing is to be done at `due_at`. `failures` in a row, the last one for the reason `failure`, in words.
    """

    read_until = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)
    window_from = models.DateTimeField(null=True)
    window_until = models.DateTimeField(null=True)
    place = models.TextField(default="")
    due_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(default=0)
    failure = models.TextField(default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="dunning_cardreading_unique"),)

    def __str__(self) -> str:
        return f"cards read until {self.read_until} ({self.mode})"
