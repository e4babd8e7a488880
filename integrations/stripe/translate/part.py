"""One object inside a payload: its fields by type, and its path for the message when a field is not of that type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeVar

from billing.snapshots import UNKNOWN, Unknown

from .untranslatable import Untranslatable

T = TypeVar("T")

LAST_INSTANT: Final = 253_402_300_799
"""The last second of the year 9999, beyond which neither Python nor a date column can go."""

_LARGEST_COUNT: Final = 2**31 - 1
_LONGEST_ID: Final = 255
_LARGEST_DECIMAL: Final = Decimal(10) ** 18
_FINEST: Final = 12
"""Decimal places; Stripe's `*_decimal` fields have at most these."""
_LONGEST_DECIMAL: Final = 32


class Part:
    """Reads the fields of one object of a payload.

    Each reader takes a key and returns None where the field is absent or null. `told(key, reader)` makes an absent
    field UNKNOWN instead; `need(key, reader)` refuses both. All raise `Untranslatable` on another type than theirs.
    """

    __slots__ = ("_above", "_name", "fields")

    def __init__(self, fields: dict[str, Any], name: str, above: Part | None = None) -> None:
        self.fields = fields
        self._name = name
        self._above = above

    @property
    def path(self) -> str:
        return f"{self._above.path}.{self._name}" if self._above else self._name

    def told(self, key: str, reader: Callable[[str], T]) -> T | Unknown:
        return reader(key) if key in self.fields else UNKNOWN

    def need(self, key: str, reader: Callable[[str], T | None]) -> T:
        value = reader(key)
        if value is None:
            raise self.refusal(key, "is missing, and an event without it cannot be applied")
        return value

    def text(self, key: str) -> str | None:
        value = self.fields.get(key)
        if value is None or type(value) is str:
            return value
        raise self.refusal(key, "is not a text")

    def ref(self, key: str) -> str | None:
        """The id of another object, which the payload may name or hold whole."""
        value = self.fields.get(key)
        if type(value) is dict:
            value = value.get("id")
        if not value and (value is None or value == ""):
            return None
        if type(value) is str and len(value) <= _LONGEST_ID:
            return value
        raise self.refusal(key, "is not an id")

    def currency(self, key: str) -> str | None:
        value = self.text(key)
        if value is None or (len(value) == 3 and value.isascii() and value.isalpha()):
            return value and value.lower()
        raise self.refusal(key, "is not a currency of three letters")

    def whole(self, key: str) -> int | None:
        value = self.fields.get(key)
        if value is None or type(value) is int:
            return value
        raise self.refusal(key, "is not a whole number")

    def count(self, key: str) -> int | None:
        value = self.whole(key)
        if value is None or 0 <= value <= _LARGEST_COUNT:
            return value
        raise self.refusal(key, "is out of range for a count")

    def instant(self, key: str) -> int | None:
        """Unix seconds."""
        value = self.whole(key)
        if value is None or 0 <= value <= LAST_INSTANT:
            return value
        raise self.refusal(key, "is not a time between 1970 and 9999")

    def flag(self, key: str) -> bool | None:
        value = self.fields.get(key)
        if value is None or type(value) is bool:
            return value
        raise self.refusal(key, "is neither true nor false")

    def decimal(self, key: str) -> Decimal | None:
        """A number, or the text of one (`unit_amount_decimal`)."""
        value = self.fields.get(key)
        if value is None:
            return None
        number = Decimal(value) if type(value) is int else _number(value)
        if number is not None and abs(number) < _LARGEST_DECIMAL:
            return number
        raise self.refusal(key, "is not a number, or too large or too precise for an amount")

    def part(self, key: str) -> Part | None:
        """An object inside this one; None where the payload only names it by id."""
        value = self.fields.get(key)
        if type(value) is dict:
            return Part(value, key, self)
        if value is None or type(value) is str:
            return None
        raise self.refusal(key, "is not an object")

    def parts(self, key: str) -> list[Part]:
        """The objects in a list, plain or one of Stripe's list objects; entries given by id are left out."""
        value = self.entries(key)
        return [Part(entry, f"{key}[{index}]", self) for index, entry in enumerate(value) if type(entry) is dict]

    def entries(self, key: str) -> list[Any]:
        """A list's entries as they are: ids or objects."""
        value = self.fields.get(key)
        if type(value) is dict:
            value = value.get("data")
        if value is None:
            return []
        if type(value) is list:
            return value
        raise self.refusal(key, "is not a list")

    def cut_off(self, key: str) -> bool:
        """Whether an embedded list goes on at Stripe beyond what the payload holds (the first ten)."""
        value = self.fields.get(key)
        return type(value) is dict and value.get("has_more") is True

    def refusal(self, key: str, problem: str) -> Untranslatable:
        return Untranslatable(f"{self.path}.{key} {problem}.")


def _number(value: Any) -> Decimal | None:
    if type(value) is Decimal:
        number = value
    elif type(value) is str and value.isascii() and len(value) <= _LONGEST_DECIMAL:
        try:
            number = Decimal(value)
        except ArithmeticError:
            return None
    else:
        return None
    return number if number.is_finite() and int(number.as_tuple().exponent) >= -_FINEST else None
