"""Who may use what: tiers and their gates, which price gives which tier, overrides, and each customer's access."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from pqintel.workspaces.tenancy import TenantModel

from .base import BillingModel


class Tier(TenantModel):
    """A plan level. A workspace without rows has the default ones (`billing.access.tiers`); one that changed something
    has all of its tiers here.

    `features` holds gates by name: true, false, a number, or null for unlimited. `seat_limit` null = unlimited; with
    `seats_by_quantity` the seats are the quantity bought, up to that limit. Of two tiers the higher `rank` is the
    better. `changed_at` moves when gates or seats do, not with the name.
    """

    key = models.SlugField(max_length=40, db_index=False)
    name = models.CharField(max_length=60)
    rank = models.IntegerField()
    features = models.JSONField(default=dict)
    seat_limit = models.PositiveIntegerField(null=True)
    seats_by_quantity = models.BooleanField(default=False)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.TextField(default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "key"), name="tier_unique"),)

    def __str__(self) -> str:
        return self.name


class AccessPolicy(TenantModel):
    """What happens to customers who do not pay; without a row: they fall to `free`, and `past_due` keeps its access.

    `free_tier` null = no access. `past_due_days` null = access stays for as long as Stripe tries to collect.
    """

    free_tier = models.SlugField(max_length=40, null=True, db_index=False)
    past_due_days = models.PositiveSmallIntegerField(null=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.TextField(default="")

    class Meta:
        verbose_name_plural = "access policies"
        constraints = (models.UniqueConstraint(fields=("workspace",), name="access_policy_unique"),)

    def __str__(self) -> str:
        return f"falls to {self.free_tier or 'no access'}"


class MappingKind(models.TextChoices):
    """What a mapping looks at, the most particular first: that is the order in which they are asked."""

    PRICE = "price", "Price"
    LOOKUP_KEY = "lookup_key", "Lookup key"
    PRODUCT_TIER = "product_tier", "Product metadata “tier”"


class PriceMapping(BillingModel):
    """Which tier a price gives. `tier` null = none, on purpose: an add-on.

    A mapping that is taken away stays as `removed`, so that it is known when what it gave ended.
    """

    kind = models.CharField(max_length=12, choices=MappingKind)
    value = models.TextField()
    tier = models.SlugField(max_length=40, null=True, db_index=False)
    removed = models.BooleanField(default=False)
    changed_at = models.DateTimeField()
    changed_by = models.TextField(default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "kind", "value"), name="price_mapping_unique"),
        )

    def __str__(self) -> str:
        return f"{self.value} gives {self.tier or 'no tier'}"


class PriceUse(BillingModel):
    """A customer who has or had a subscription to a price: whom a change of its mapping concerns. Only accrues."""

    price = models.TextField()
    customer = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "price", "customer"), name="price_use_unique"),
        )

    def __str__(self) -> str:
        return f"{self.customer} on {self.price}"


class OverrideEffect(models.TextChoices):
    """How an override meets what the customer pays for."""

    AT_LEAST = "at_least", "At least this"
    EXACTLY = "exactly", "Exactly this"


class AccessOverride(BillingModel):
    """Access by decision of a person, for a customer, from `created_at` until it expires or is revoked.

    `at_least` adds to what is paid for: the better of each counts; `tier` null adds features and seats alone.
    `exactly` stands instead of it; `tier` null is no access. `seats` null leaves seats to the tier.
    """

    customer = models.TextField()
    effect = models.CharField(max_length=8, choices=OverrideEffect, default=OverrideEffect.AT_LEAST)
    tier = models.SlugField(max_length=40, null=True, db_index=False)
    features = models.JSONField(default=dict)
    seats = models.PositiveIntegerField(null=True)
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.TextField(default="")

    class Meta:
        indexes = (
            models.Index(fields=("workspace", "mode", "customer", "-created_at"), name="access_override_customer"),
        )

    def __str__(self) -> str:
        return f"{self.get_effect_display()} {self.tier or 'no tier'} for {self.customer}"


class AccessHold(BillingModel):
    """A subscription gives nothing while an invoice of it is not paid: decided by dunning, from `starts_at` on.

    It ends by itself when the invoice is paid or voided, or was written off and a later one of the subscription is
    paid; earlier when it is lifted. `falls_to_free` False: who has nothing else has no access, whatever tier the policy
    gives to those who do not pay.
    """

    customer = models.TextField()
    subscription = models.TextField()
    invoice = models.TextField()
    falls_to_free = models.BooleanField(default=True)
    starts_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.TextField(default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "invoice"),
                name="access_hold_unique",
                condition=models.Q(lifted_at=None),
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "customer"), name="access_hold_customer"),
            models.Index(fields=("workspace", "mode", "subscription"), name="access_hold_subscription"),
        )

    def __str__(self) -> str:
        return f"{self.subscription} gives nothing until {self.invoice} is paid"


class Access(BillingModel):
    """What one customer may use now, since when and because of what: a row for all with a subscription or override.

    Derived from the versions of the customer's subscriptions, the mappings, tiers, policy and overrides. `tier` null =
    no access; `seats` null = unlimited. `reason` is a word of `billing.access.Reason`; `cause` the id of the event that
    brought this about, or the rule: "mapping:…", "tier:…", "policy", "override:…", "dunning:…" with the invoice that is
    not paid. `unmapped` are prices of running subscriptions that give no tier because nobody said which. At `until` it
    changes by itself.
    """

    customer = models.TextField()
    tier = models.SlugField(max_length=40, null=True, db_index=False)
    features = models.JSONField(default=dict)
    seats = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=16)
    since = models.DateTimeField()
    cause = models.TextField()
    subscription = models.TextField(null=True)
    unmapped = ArrayField(models.TextField(), default=list)
    overridden = models.BooleanField(default=False)
    until = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "access"
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "customer"), name="access_unique"),)
        indexes = (
            models.Index(
                fields=("workspace", "mode", "until"), name="access_until", condition=models.Q(until__isnull=False)
            ),
            models.Index(
                fields=("workspace", "mode", "customer"), name="access_unmapped", condition=~models.Q(unmapped=[])
            ),
        )

    def __str__(self) -> str:
        return f"{self.customer}: {self.tier or 'no access'}"
