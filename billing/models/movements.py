"""What each day did to MRR: the ledger of movements by customer, and its sums by day."""

from __future__ import annotations

from django.db import models

from .base import BillingModel


class MovementKind(models.TextChoices):
    """What a customer's day was. `PLAN` rows are not movements: they say what it did to one price."""

    NEW = "new", "New"
    EXPANSION = "expansion", "Expansion"
    CONTRACTION = "contraction", "Contraction"
    CHURN = "churn", "Churn"
    INVOLUNTARY_CHURN = "involuntary_churn", "Involuntary churn"
    REACTIVATION = "reactivation", "Reactivation"
    PLAN = "plan", "Plan"
    PLAN_MONTH = "plan_month", "Plan, by month"


class Movement(BillingModel):
    """One customer's change on one day of the workspace's time zone, derived from the MRR spans.

    Three sorts of rows, told apart by `currency` and `price`:

    * currency and no price: the movement of the customer's MRR in that currency. `amount` is the signed change in minor
      units, `subscribers` +1 (new, reactivation), −1 (churn) or 0;
    * neither: the customer over all currencies, for counting people once. `amount` is 0;
    * both (kind `plan`): what the day did to this customer's MRR (`amount`), trial MRR (`trial`) and presence
      (`subscribers`) at one price.

    Days may lie in the future (a coupon that runs out): whoever sums takes `day <= today`.
    """

    customer = models.TextField()
    day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    price = models.TextField(blank=True)
    kind = models.CharField(max_length=17, choices=MovementKind)
    amount = models.DecimalField(max_digits=38, decimal_places=18)
    trial = models.DecimalField(max_digits=38, decimal_places=18)
    subscribers = models.SmallIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "customer", "currency", "price", "day"), name="movement_unique"
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "currency", "price", "day", "kind"), name="movement_by_day"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency} of {self.customer} on {self.day}"


class DailyRollup(BillingModel):
    """The sums of one day's movements by currency, price and kind: what dashboards read.

    Deltas, never balances, so that a repair of the past touches the days that changed. `moves` counts the movements;
    rows that come to count none are deleted. What `plan` rows say stands there a second time by calendar month
    (`plan_month`, on its first day), because what stands at each price is a sum over all days and all prices. Written
    by the function that writes `Movement`, in the same transaction.
    """

    day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    price = models.TextField(blank=True)
    kind = models.CharField(max_length=17, choices=MovementKind)
    amount = models.DecimalField(max_digits=38, decimal_places=18)
    trial = models.DecimalField(max_digits=38, decimal_places=18)
    subscribers = models.BigIntegerField()
    moves = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "currency", "price", "kind", "day"), name="daily_rollup_unique"
            ),
        )
        indexes = (models.Index(fields=("workspace", "mode", "kind", "day"), name="daily_rollup_by_day"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency} on {self.day}"
