"""Fields that the forms of several kinds share. Amounts are typed in major units and kept as text, so exactly."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms

from billing.money import exponent

_CODE: Final = re.compile(r"[a-z]{3}")
_LARGEST: Final = Decimal(10) ** 12


def minor(major: str, currency: str) -> int:
    """Whole minor units of an amount in major units as a form keeps it."""
    return int(Decimal(major).scaleb(exponent(currency)))


def fits(major: Decimal, currency: str) -> bool:
    """Whether an amount in major units is one of whole minor units."""
    return major == major.quantize(Decimal(1).scaleb(-exponent(currency)))


def check_digits(form: forms.Form, name: str, currency: str) -> None:
    """Add an error to a field whose amount has more digits than its currency; an empty one has none."""
    given = form.cleaned_data.get(name)
    if given and not fits(Decimal(given), currency):
        form.add_error(name, f"This has more digits than {currency.upper()} has.")


class CurrencyField(forms.CharField):
    """A currency's three letters, kept in lower case."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"size": 4, "autocapitalize": "characters", "spellcheck": "false"})
        super().__init__(max_length=3, widget=widget, **options)

    def clean(self, value: Any) -> str:
        code = str(super().clean(value)).lower()
        if code and not _CODE.fullmatch(code):
            raise forms.ValidationError("A currency is three letters, for example USD.")
        return code


class WholeField(forms.IntegerField):
    """A whole number. What is typed stays to be seen where it is none: browsers hide that in inputs for numbers."""

    widget = forms.TextInput(attrs={"inputmode": "numeric"})


class DecimalText(forms.DecimalField):
    """A number that is kept as text: JSON has no exact decimals."""

    widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def clean(self, value: Any) -> str:
        number = super().clean(value)
        return "" if number is None else f"{number.normalize():f}"


class MinimumsField(forms.CharField):
    """Least amounts by currency, "100 USD, 90 EUR", kept as {"usd": "100", "eur": "90"}."""

    def clean(self, value: Any) -> dict[str, str]:
        text = str(super().clean(value))
        found: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            number, _, code = part.partition(" ")
            code = code.strip().lower()
            try:
                amount = Decimal(number)
            except InvalidOperation:
                raise forms.ValidationError(f"“{part}” is no amount. Write it like 100 USD.") from None
            if not _CODE.fullmatch(code):
                raise forms.ValidationError(f"“{part}” names no currency. Write it like 100 USD.")
            if not amount.is_finite() or not 0 <= amount < _LARGEST:
                raise forms.ValidationError(f"“{part}” is no amount that can be billed.")
            if not fits(amount, code):
                raise forms.ValidationError(f"“{part}” has more digits than {code.upper()} has.")
            if code in found:
                raise forms.ValidationError(f"{code.upper()} is there twice.")
            # Zeros are written out as they are typed: "0e-2000000000" would be two billion of them.
            found[code] = f"{amount:f}" if amount else "0"
        return found

    @staticmethod
    def typed(minimums: dict[str, str]) -> str:
        """The way back: what would have been typed."""
        return ", ".join(f"{amount} {code.upper()}" for code, amount in minimums.items())
