"""Keys and secrets that look like Stripe's and are visibly none."""

from random import Random
from string import ascii_letters, digits


def fake_key(prefix: str, livemode: bool, chance: Random) -> str:
    """Return e.g. a restricted test key for prefix `rk`; `sim` after the mode says where it comes from."""
    return "_".join((prefix, "live" if livemode else "test", "sim" + _word(chance, 24)))


def fake_signing_secret(chance: Random) -> str:
    """Return a signing secret in Stripe's form."""
    return "_".join(("whsec", "sim" + _word(chance, 29)))


def _word(chance: Random, length: int) -> str:
    return "".join(chance.choices(ascii_letters + digits, k=length))
