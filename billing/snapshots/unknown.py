"""The third answer beside a value and "empty": this payload shape does not say."""

from __future__ import annotations

from typing import Final


class Unknown:
    """The type of `UNKNOWN`; a class of its own so that it can never be mistaken for a value."""

    _one: Unknown | None = None

    def __new__(cls) -> Unknown:
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = Unknown()
