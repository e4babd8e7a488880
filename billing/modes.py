"""The two sides of a Stripe account. Rows of one never enter the numbers of the other."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether a row belongs to the real account or to its test side (sandbox)."""

    LIVE = "live"
    TEST = "test"


class ModeConverter:
    """A mode in a URL; anything else is not found."""

    regex = "live|test"

    def to_python(self, value: str) -> Mode:
        return Mode(value)

    def to_url(self, value: str) -> str:
        return str(value)
