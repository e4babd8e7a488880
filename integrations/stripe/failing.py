"""Why reading from Stripe does not get on, in words for the page; and when to try again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from .client import KeyRefused, PermissionMissing, RateLimited, ReadFailed

NO_KEY: Final = "No secret key is connected. Paste one under Settings, Integrations, Stripe."
_SLOWEST: Final = timedelta(hours=1)


def in_words(failure: ReadFailed) -> str:
    """What is wrong and what to do about it; holds no key and no payload."""
    match failure:
        case KeyRefused():
            return f"{failure} Make a new one at Stripe and paste it under Settings, Integrations, Stripe."
        case PermissionMissing():
            return f"{failure}. Edit the key at Stripe, Developers › API keys, and set it to Read."
        case RateLimited():
            return f"{failure} It is tried again later."
    return f"{failure} It is tried again later."


def put_off(failures: int, first: timedelta) -> timedelta:
    """How long to wait after so many failures in a row (1 = the first): twice as long each time, an hour at most."""
    return min(first * (1 << min(failures - 1, 12)), _SLOWEST)
