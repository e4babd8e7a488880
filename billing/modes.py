"""The two sides of a Stripe account. Rows of one never enter the numbers of the other."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether a row belongs to the real account or to its test side (sandbox)."""

    LIVE = "live"
    TEST = "test"
