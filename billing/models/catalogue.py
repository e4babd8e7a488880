"""Products, prices, coupons, discounts: the terms that subscriptions refer to."""

from django.db import models

from .base import CatalogueEntry


class Product(CatalogueEntry):
    """A product; `tier_key` is what its metadata says under `tier`."""

    name = models.TextField(null=True)
    active = models.BooleanField(null=True)
    tier_key = models.TextField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="product_unique"),)

    def __str__(self) -> str:
        return self.name or self.stripe_id


class Price(CatalogueEntry):
    """A price; `unit_amount` and tiers in minor units. `tiers` null = not tiered, or not known yet (see `seen`)."""

    product = models.TextField(null=True)
    currency = models.CharField(max_length=3, null=True)
    unit_amount = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    billing_scheme = models.TextField(null=True)
    tiers_mode = models.TextField(null=True)
    tiers = models.JSONField(null=True)
    interval = models.TextField(null=True)
    interval_count = models.IntegerField(null=True)
    usage_type = models.TextField(null=True)
    transform_divide_by = models.BigIntegerField(null=True)
    transform_round = models.TextField(null=True)
    tax_behavior = models.TextField(null=True)
    active = models.BooleanField(null=True)
    nickname = models.TextField(null=True)
    lookup_key = models.TextField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="price_unique"),)


class Coupon(CatalogueEntry):
    name = models.TextField(null=True)
    percent_off = models.DecimalField(max_digits=20, decimal_places=12, null=True)
    amount_off = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)
    duration = models.TextField(null=True)
    duration_in_months = models.IntegerField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="coupon_unique"),)


class Discount(CatalogueEntry):
    """Which coupon stands behind a discount id, and from when to when (unix seconds) it runs."""

    coupon = models.TextField(null=True)
    start = models.BigIntegerField(null=True)
    end = models.BigIntegerField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "stripe_id"), name="discount_unique"),)
