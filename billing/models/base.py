"""What every billing row has: a workspace and a mode, which lead every index."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from billing.modes import Mode
from pqintel.workspaces.tenancy import TenantModel

MODES = [(mode.value, mode.value.title()) for mode in Mode]


UNSURE = models.Q(sure=False)
"""Objects whose newest second could not be ordered: few, so that an index of them costs nothing."""


class BillingModel(TenantModel):
    """A row of one workspace in one mode."""

    mode = models.CharField(max_length=4, choices=MODES)

    class Meta:
        abstract = True


class StripeObject(BillingModel):
    """The present state of one Stripe object, under Stripe's id.

    Rows refer to each other by Stripe ids, not foreign keys: an object is often known before what it belongs to.
    `position` is that of the newest version; `sure` is False while the newest second could not be ordered.
    """

    stripe_id = models.TextField()
    position = models.BigIntegerField(default=0)
    sure = models.BooleanField(default=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.stripe_id


class CatalogueEntry(BillingModel):
    """An object whose terms never change at Stripe: what is known of it only accrues.

    `seen` says for each field at which position its value was seen; the newest wins, whatever arrived first.
    """

    stripe_id = models.TextField()
    seen = models.JSONField(default=dict)

    terms: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.stripe_id
