"""What there is to buy, and for how much less."""

from __future__ import annotations

from django.contrib import admin

from billing.models import Coupon, Discount, Price, Product

from .base import RecordAdmin


@admin.register(Product)
class ProductAdmin(RecordAdmin):
    list_display = ("stripe_id", "name", "active", "workspace", "mode")


@admin.register(Price)
class PriceAdmin(RecordAdmin):
    list_display = (
        "stripe_id",
        "product",
        "unit_amount",
        "currency",
        "interval",
        "interval_count",
        "workspace",
        "mode",
    )
    found_by = ("stripe_id", "product", "lookup_key")


@admin.register(Coupon)
class CouponAdmin(RecordAdmin):
    list_display = ("stripe_id", "name", "percent_off", "amount_off", "currency", "duration", "workspace", "mode")


@admin.register(Discount)
class DiscountAdmin(RecordAdmin):
    list_display = ("stripe_id", "coupon", "start", "end", "workspace", "mode")
    found_by = ("stripe_id", "coupon")
