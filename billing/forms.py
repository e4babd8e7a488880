"""Forms of Settings › Billing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django import forms

from .models import BillingSettings, ChurnAt

PUBLISHED: Final = (  # noqa: SIM905 - reads as the bank's own list
    "aud brl cad chf cny czk dkk eur gbp hkd huf idr ils inr isk jpy krw mxn myr nok nzd php pln ron sek sgd thb "
    "try usd zar"
).split()
"""Currencies of the European Central Bank's reference rates, and the euro."""


class NumbersForm(forms.Form):
    """What a workspace's numbers are computed and shown with."""

    reporting_currency = forms.ChoiceField(
        label="Reporting currency",
        required=False,
        help_text="In which all currencies are summed up, at each day’s exchange rate.",
    )
    churn_at = forms.ChoiceField(
        label="A cancelled subscription leaves MRR",
        choices=[(ChurnAt.END.value, "when it ends"), (ChurnAt.REQUEST.value, "when the cancellation is asked for")],
        widget=forms.RadioSelect,
        help_text="Until it ends, it is shown as scheduled churn.",
    )
    past_due_days = forms.IntegerField(
        label="Days until an overdue subscription counts as churned",
        required=False,
        min_value=1,
        max_value=365,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text="Empty: it counts as long as Stripe keeps it past due.",
    )

    def __init__(self, settings: BillingSettings, used: Iterable[str], *args: Any, **kwargs: Any) -> None:
        """`used` are the currencies that the workspace bills in."""
        kwargs["initial"] = {
            "reporting_currency": settings.reporting_currency or "",
            "churn_at": settings.churn_at,
            "past_due_days": settings.past_due_days,
        }
        super().__init__(*args, **kwargs)
        mine = sorted({*used, *filter(None, [settings.reporting_currency])})
        others = [code for code in PUBLISHED if code not in mine]
        self.fields["reporting_currency"].choices = [  # type: ignore[attr-defined]
            ("", "The one with the largest MRR"),
            *((code, code.upper()) for code in [*mine, *others]),
        ]

    @property
    def changes(self) -> dict[str, Any]:
        """The settings as `change_settings` takes them."""
        return {**self.cleaned_data, "reporting_currency": self.cleaned_data["reporting_currency"] or None}
