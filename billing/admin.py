"""Staff pages for billing records: to look at. State comes from events alone, so nobody edits it.

Exchange rates are no records but reference data of all workspaces: staff enter what no bank publishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing.actions.rates import MANUAL
from pqintel.workspaces.staff import StaffAdmin, TenantAdmin

from .models import (
    Access,
    AccessHold,
    AccessOverride,
    AccessPolicy,
    BillingSettings,
    Checkout,
    Coupon,
    Customer,
    CustomerWord,
    DailyRollup,
    Discount,
    ExchangeRate,
    Failure,
    HistoryEntry,
    Invoice,
    Movement,
    MrrSpan,
    Payment,
    PaymentLink,
    PendingReaction,
    Price,
    PriceMapping,
    PriceUse,
    Product,
    Recalculation,
    Subscription,
    SyncState,
    Tier,
    Version,
)

if TYPE_CHECKING:
    RateForm = forms.ModelForm[ExchangeRate]
else:  # takes no type arguments when it runs
    RateForm = forms.ModelForm


class RecordAdmin(TenantAdmin):
    """What every billing record's list has."""

    list_filter: ClassVar[tuple[str, ...]] = ("mode",)
    found_by: tuple[str, ...] = ("stripe_id",)


@admin.register(Customer)
class CustomerAdmin(RecordAdmin):
    list_display = ("stripe_id", "name", "email", "workspace", "mode", "currency", "delinquent", "deleted")
    found_by = ("stripe_id", "email")


@admin.register(CustomerWord)
class CustomerWordAdmin(RecordAdmin):
    list_display = ("word", "customer", "workspace", "mode")
    found_by = ("word", "customer")


@admin.register(Checkout)
class CheckoutAdmin(RecordAdmin):
    list_display = ("stripe_id", "kind", "status", "payment_status", "customer", "workspace", "mode", "created")
    found_by = ("stripe_id", "customer", "subscription")


@admin.register(Subscription)
class SubscriptionAdmin(RecordAdmin):
    list_display = (
        "stripe_id",
        "status",
        "payment_status",
        "failed_attempts",
        "customer",
        "workspace",
        "mode",
        "currency",
        "created",
        "sure",
    )
    list_filter = ("mode", "payment_status", "sure")
    found_by = ("stripe_id", "customer")


@admin.register(MrrSpan)
class MrrSpanAdmin(RecordAdmin):
    list_display = ("subscription", "customer", "price", "monthly", "currency", "trial", "starts", "ends", "workspace")
    list_filter = ("mode", "trial")
    found_by = ("subscription", "customer")


@admin.register(Invoice)
class InvoiceAdmin(RecordAdmin):
    list_display = (
        "stripe_id",
        "number",
        "status",
        "amount_due",
        "currency",
        "customer",
        "workspace",
        "mode",
        "created",
    )
    found_by = ("stripe_id", "number", "customer", "subscription")


@admin.register(Payment)
class PaymentAdmin(RecordAdmin):
    list_display = ("stripe_id", "status", "amount", "currency", "customer", "workspace", "mode", "created")
    found_by = ("stripe_id", "customer")


@admin.register(PaymentLink)
class PaymentLinkAdmin(RecordAdmin):
    list_display = ("payment", "invoice", "workspace", "mode")
    found_by = ("payment", "invoice")


@admin.register(Failure)
class FailureAdmin(RecordAdmin):
    list_display = (
        "subject",
        "attempt",
        "amount",
        "currency",
        "decline",
        "decline_code",
        "customer",
        "workspace",
        "mode",
        "happened_at",
    )
    list_filter = ("mode", "decline")
    found_by = ("subject", "customer", "payment", "charge")


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


@admin.register(Version)
class VersionAdmin(RecordAdmin):
    list_display = ("kind", "object_id", "position", "event_id", "chosen", "sure", "workspace", "mode", "learnt_at")
    list_filter = ("mode", "sure")
    found_by = ("object_id", "event_id")


@admin.register(HistoryEntry)
class HistoryEntryAdmin(RecordAdmin):
    list_display = ("kind", "object_id", "customer", "happened_at", "learnt_at", "superseded_at", "workspace", "mode")
    list_filter = ("mode", "is_change")
    found_by = ("object_id", "customer", "event_id", "kind")


@admin.register(SyncState)
class SyncStateAdmin(RecordAdmin):
    list_display = ("workspace", "mode", "version", "last_event_at", "last_applied_at")
    found_by = ()


@admin.register(Movement)
class MovementAdmin(RecordAdmin):
    list_display = ("day", "kind", "customer", "currency", "price", "amount", "subscribers", "workspace", "mode")
    list_filter = ("mode", "kind")
    found_by = ("customer", "price")


@admin.register(DailyRollup)
class DailyRollupAdmin(RecordAdmin):
    list_display = ("day", "kind", "currency", "price", "amount", "trial", "subscribers", "moves", "workspace", "mode")
    list_filter = ("mode", "kind")
    found_by = ("price",)


@admin.register(BillingSettings)
class BillingSettingsAdmin(TenantAdmin):
    list_display = ("workspace", "reporting_currency", "churn_at", "past_due_days", "version")


@admin.register(Recalculation)
class RecalculationAdmin(RecordAdmin):
    list_display = ("workspace", "mode", "reason", "cursor", "asked_at", "done_at")
    found_by = ()


class ExchangeRateForm(RateForm):
    """A rate as somebody enters it."""

    class Meta:
        model = ExchangeRate
        fields = ("currency", "day", "per_euro")
        help_texts: ClassVar[dict[str, str]] = {"per_euro": "How many units of the currency one euro bought."}

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].strip().lower()
        if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
            raise forms.ValidationError("An ISO 4217 code, please, like USD.")
        if currency == "eur":
            raise forms.ValidationError("Rates are per euro; the euro itself needs none.")
        return currency


@admin.register(ExchangeRate)
class ExchangeRateAdmin(StaffAdmin):
    """The one table here that is entered by hand; what is saved counts as "manual", and no import changes it."""

    form = ExchangeRateForm
    fields = ("currency", "day", "per_euro", "source")
    changeable = ("currency", "day", "per_euro")
    list_display = ("day", "currency", "per_euro", "source", "changed_at")
    list_filter = ("source",)
    search_fields = ("currency",)
    ordering = ("-day", "currency")
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:
        obj.source = MANUAL
        super().save_model(request, obj, form, change)


@admin.register(Tier)
class TierAdmin(TenantAdmin):
    list_display = ("key", "name", "rank", "seat_limit", "workspace", "changed_at", "changed_by")
    found_by = ("key",)


@admin.register(AccessPolicy)
class AccessPolicyAdmin(TenantAdmin):
    list_display = ("workspace", "free_tier", "past_due_days", "changed_at", "changed_by")


@admin.register(PriceMapping)
class PriceMappingAdmin(RecordAdmin):
    list_display = ("kind", "value", "tier", "removed", "workspace", "mode", "changed_at", "changed_by")
    list_filter = ("mode", "kind", "removed")
    found_by = ("value", "tier")


@admin.register(PriceUse)
class PriceUseAdmin(RecordAdmin):
    list_display = ("price", "customer", "workspace", "mode")
    found_by = ("price", "customer")


@admin.register(AccessOverride)
class AccessOverrideAdmin(RecordAdmin):
    list_display = ("customer", "effect", "tier", "expires_at", "revoked_at", "created_by", "workspace", "mode")
    found_by = ("customer",)


@admin.register(AccessHold)
class AccessHoldAdmin(RecordAdmin):
    list_display = ("customer", "subscription", "invoice", "starts_at", "lifted_at", "lifted_by", "workspace", "mode")
    found_by = ("customer", "subscription", "invoice")


@admin.register(Access)
class AccessAdmin(RecordAdmin):
    list_display = ("customer", "tier", "seats", "reason", "since", "cause", "overridden", "workspace", "mode")
    list_filter = ("mode", "overridden")
    found_by = ("customer", "cause", "subscription")


@admin.register(PendingReaction)
class PendingReactionAdmin(RecordAdmin):
    list_display = ("entry", "tries", "due_at", "gave_up_at", "reason", "workspace", "mode")
    list_filter = ("mode", "gave_up_at")
    found_by = ("reason",)
