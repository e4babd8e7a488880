"""The forms above the lists. What cannot be understood is told beside its field and left out; the rest still counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.utils import timezone

from billing import statuses
from billing.money import Money, exponent

from .filters import Filter

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)

_LARGEST: Final = Decimal(10) ** 15
_DAYS: Final = [
    MinValueValidator(FIRST_DAY, "Choose a day from the year 2000 on."),
    MaxValueValidator(LAST_DAY, "Choose a day before the year 2200."),
]
_STRANGE: Final = {"invalid_choice": "There is no such choice as %(value)s."}
Choices = list[tuple[str, str]]


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        validators=_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "This is not a day. Write it as 2026-03-31."},
    )


def _amount(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=-_LARGEST,
        max_value=_LARGEST,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"invalid": "This is not an amount. Write it as 49.00."},
    )


def _hidden() -> forms.CharField:
    return forms.CharField(required=False, max_length=255, widget=forms.HiddenInput)


def _any(label: object) -> tuple[str, str]:
    return "", f"Any {str(label).lower()}"


def _choices(names: dict[str, statuses.Status], **more: str) -> Choices:
    return [_any("status"), *more.items(), *((name, status.label) for name, status in names.items())]


class FilterForm(forms.Form):
    """What every list has: words to look for, and days. Unbound fields and errors leave their question unasked."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Name, email or Stripe id"}),
    )
    since = _day("From")
    until = _day("To")
    customer = _hidden()
    sort = _hidden()

    suggested: dict[str, Choices]
    field_order: Sequence[str] = ("q", "status", "price", "currency", "least", "most", "since", "until")
    use_required_attribute = False

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        since, until = asked.get("since"), asked.get("until")
        if since and until and until < since:
            self.add_error("until", "This day lies before the first one.")
        return asked

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suggested = {}

    def offer(self, **choices: Choices) -> None:
        """Name what there is to choose from, by field; what was asked for is kept, known or not."""
        for name, some in choices.items():
            asked = self[name].value() or ""
            strange = [(asked, asked)] if asked and asked not in {value for value, _ in some} else []
            widget = self.fields[name].widget
            if isinstance(widget, forms.Select):
                widget.choices = [_any(self.fields[name].label), *some, *strange]
            else:  # a text input with suggestions
                self.suggested[name] = some

    def more(self) -> list[forms.BoundField]:
        """The fields that stand behind "More filters"."""
        return [field for field in self.visible_fields() if field.name not in ("q", "status", "kind")]

    def more_is_used(self) -> bool:
        """Whether one of those was filled in."""
        return any(field.value() for field in self.more())

    def filter(self) -> Filter:
        """What was understood. Days are those of the active time zone, the last one included."""
        if not self.is_bound:
            return Filter()
        self.is_valid()
        asked = self.cleaned_data
        until = asked.get("until")
        return Filter(
            search=asked.get("q", ""),
            customer=asked.get("customer", ""),
            since=_midnight(asked.get("since")),
            until=_midnight(until + timedelta(days=1) if until else None),
            sort=asked.get("sort", ""),
            **self.questions(asked),
        )

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The questions of one list only, by their names in `Filter`."""
        return {}


class MoneyForm(FilterForm):
    """A list with amounts: they can be bounded within one currency."""

    currency = forms.CharField(
        label="Currency",
        required=False,
        validators=[RegexValidator(r"\A[A-Za-z]{3}\Z", "A currency has three letters, as EUR.")],
        widget=forms.TextInput(
            attrs={"list": "suggested-currency", "autocomplete": "off", "spellcheck": "false", "maxlength": "3"}
        ),
    )
    least = _amount("Amount from")
    most = _amount("Amount to")

    def clean(self) -> dict[str, Any]:
        asked = super().clean()
        currency = asked.get("currency", "").lower()
        asked["currency"] = currency
        for name in ("least", "most"):
            if asked.get(name) is None:
                continue
            if not currency:
                self.add_error(name, "Amounts can be compared within one currency: give it as well.")
            elif (minor := asked[name].scaleb(exponent(currency))) != minor.to_integral_value():
                self.add_error(name, f"{currency.upper()} has {exponent(currency) or 'no'} decimal places.")
            else:
                asked[name] = int(minor)
        least, most = asked.get("least"), asked.get("most")
        if least is not None and most is not None and most < least:
            self.add_error("most", f"This is less than {Money(least, currency).plain()}.")
        if asked.get("sort", "").removeprefix("-") == "amount" and not currency:
            self.add_error("sort", "Amounts can be sorted within one currency: choose one first.")
        return asked

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {name: asked.get(name) for name in ("least", "most")} | {
            name: asked.get(name, "") for name in ("currency", "status", "subscription")
        }


class CustomerForm(FilterForm):
    status = forms.ChoiceField(
        label="State",
        required=False,
        error_messages=_STRANGE,
        choices=[
            _any("state"),
            ("paying", "Paying"),
            ("trialing", "In a trial only"),
            ("none", "Without MRR"),
            ("deleted", "Deleted"),
        ],
    )

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"status": asked.get("status", "")}


class SubscriptionForm(FilterForm):
    status = forms.ChoiceField(
        label="Status",
        required=False,
        error_messages=_STRANGE,
        choices=_choices(statuses.SUBSCRIPTION, ending="Scheduled to end", unclear="Not certain"),
    )
    price = forms.CharField(label="Plan", required=False, max_length=255, widget=forms.Select)

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {name: asked.get(name, "") for name in ("status", "price")}


class InvoiceForm(MoneyForm):
    status = forms.ChoiceField(
        label="Status",
        required=False,
        error_messages=_STRANGE,
        choices=_choices(statuses.INVOICE, failing="Open after failed attempts"),
    )
    subscription = _hidden()


class PaymentForm(MoneyForm):
    status = forms.ChoiceField(
        label="Status",
        required=False,
        error_messages=_STRANGE,
        choices=_choices(statuses.PAYMENT, failed="Last attempt failed"),
    )


class HistoryForm(FilterForm):
    kind = forms.CharField(label="Kind", required=False, max_length=80, widget=forms.Select)
    lines = forms.ChoiceField(
        label="Lines",
        required=False,
        error_messages=_STRANGE,
        choices=[("", "All lines"), ("facts", "Facts: what events reported"), ("changes", "Changes of state")],
    )
    superseded = forms.BooleanField(label="Show superseded lines", required=False)
    object = _hidden()

    field_order = ("q", "kind", "lines", "since", "until", "superseded")

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": asked.get("kind", ""),
            "lines": asked.get("lines", ""),
            "object_id": asked.get("object", ""),
            "superseded": asked.get("superseded", False),
        }


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


def refused(form: forms.Form) -> list[tuple[str, str]]:
    """What of a form was not understood: (label, why) of each field."""
    return [
        (str(form.fields[name].label or name.capitalize()), str(error))
        for name, errors in form.errors.items()
        if name in form.fields
        for error in errors
    ]
