"""What numbers are made of: MRR spans, movements, daily sums, exchange rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing.actions.rates import MANUAL
from billing.models import BillingSettings, DailyRollup, ExchangeRate, Movement, MrrSpan
from pqintel.workspaces.staff import StaffAdmin, TenantAdmin

from .base import RecordAdmin

if TYPE_CHECKING:
    RateForm = forms.ModelForm[ExchangeRate]
else:  # takes no type arguments when it runs
    RateForm = forms.ModelForm


@admin.register(MrrSpan)
class MrrSpanAdmin(RecordAdmin):
    list_display = ("subscription", "customer", "price", "monthly", "currency", "trial", "starts", "ends", "workspace")
    list_filter = ("mode", "trial")
    found_by = ("subscription", "customer")


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
