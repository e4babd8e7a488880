"""Ids that look like Stripe's and follow from a seed."""

from __future__ import annotations

from random import Random
from string import ascii_letters, digits

_BASE62 = digits + ascii_letters
_LENGTHS = {"cus": 14, "prod": 14, "req": 14, "si": 14, "acct": 16, "cs_test": 58, "cs_live": 58, "coupon": 8}
_DEFAULT_LENGTH = 24


class Ids:
    """Draws ids. The n-th id is a function of the seed and of the n-1 draws before it."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(f"ids:{seed}")

    def new(self, prefix: str) -> str:
        """Return a fresh id such as `sub_…`; the part after the prefix has the length Stripe gives it."""
        return f"{prefix}_{self.word(_LENGTHS.get(prefix, _DEFAULT_LENGTH))}"

    def word(self, length: int) -> str:
        """Return letters and digits without a prefix, as in fingerprints and invoice prefixes."""
        return "".join(self._random.choices(_BASE62, k=length))
