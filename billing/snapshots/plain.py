"""Snapshots as JSON values and back, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .unknown import Unknown


def known(value: Any) -> dict[str, Any]:
    """The known fields of a snapshot or catalogue entry as JSON values (decimals as text), without UNKNOWN ones."""
    return {f.name: _plain(v) for f in fields(value) if not isinstance(v := getattr(value, f.name), Unknown)}


T = TypeVar("T")


def revive(cls: type[T], stored: Mapping[str, Any]) -> T:
    """The inverse of `known(…)`: a snapshot or catalogue entry from its JSON values.

    A field that is not stored gets its default (UNKNOWN, where the class has that); a stored name that the class no
    longer has is left out. Raises TypeError when a field without a default is missing.
    """
    readers = _readers(cls)  # type: ignore[arg-type]  # mypy does not see that every class is hashable
    return cls(
        **{
            name: read(value) if value is not None and (read := readers[name]) else value
            for name, value in stored.items()
            if name in readers
        }
    )


def digest(state: dict[str, Any]) -> str:
    """A short stable hash of `known(…)`: two states are the same exactly when their digests are."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if hasattr(value, "__dataclass_fields__"):
        return known(value)
    return value


@cache
def _readers(cls: type[Any]) -> dict[str, Callable[[Any], Any] | None]:
    """For each field of `cls`, what makes its value of the JSON value; None where that is the value already."""
    hints = get_type_hints(cls)
    return {f.name: _reader(hints[f.name]) for f in fields(cls)}


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    for part in (hint, *get_args(hint)):
        if part is Decimal:
            return Decimal
        if get_origin(part) is tuple and is_dataclass(get_args(part)[0]):
            element: type[Any] = get_args(part)[0]
            return lambda values: tuple(revive(element, value) for value in values)
    return None
