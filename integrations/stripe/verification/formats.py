"""What keys look like: judged before anything is stored or Stripe is asked. Messages never quote what was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from billing.modes import Mode

Values = Mapping[str, str | None]
"""By field name: `publishable_key`, `secret_key`, `webhook_secret`."""

LABELS: Final = {
    "publishable_key": "Publishable key",
    "secret_key": "Secret or restricted key",
    "webhook_secret": "Signing secret",
}
EXAMPLES: Final = {
    "publishable_key": "pk_{mode}_…",
    "secret_key": "rk_{mode}_… or sk_{mode}_…",
    "webhook_secret": "whsec_…",
}
LONGEST: Final = 500

_BEGINNINGS: Final = {"publishable_key": ("pk_",), "secret_key": ("sk_", "rk_"), "webhook_secret": ("whsec_",)}
_FORMS: Final = {
    "publishable_key": re.compile(r"pk_(?:live|test)_[A-Za-z0-9_]{8,}"),
    "secret_key": re.compile(r"[sr]k_(?:live|test)_[A-Za-z0-9_]{8,}"),
    "webhook_secret": re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,}"),
}
_KINDS: Final = (
    ("sk_org_", "an organization's key, which reaches several accounts"),
    ("pk_", "a publishable key"),
    ("sk_", "a secret key"),
    ("rk_", "a restricted key"),
    ("whsec_", "a signing secret"),
    ("acct_", "an account id"),
    ("we_", "the id of an endpoint"),
)
_MODE: Final = re.compile(r"(?:pk|sk|rk)_(live|test)_")


def mode_of(key: str) -> Mode | None:
    """The mode that a key's prefix tells; None for signing secrets, which do not tell it."""
    found = _MODE.match(key)
    return Mode(found.group(1)) if found else None


def format_problems(mode: Mode, values: Values) -> dict[str, str]:
    """What is wrong with the form of each value, by field; empty when all is well."""
    return {field: problem for field in _FORMS if (problem := _format_problem(mode, field, values.get(field)))}


def mode_problems(mode: Mode, values: Values) -> dict[str, str]:
    """Which keys belong to the other mode, by field."""
    problems = {}
    for field in ("publishable_key", "secret_key"):
        actual = mode_of(values.get(field) or "")
        if actual not in (None, mode):
            problems[field] = (
                f"This is a {actual} mode key, and this is the {mode} mode connection. "
                f"Paste the {mode} mode key here; the {actual} mode key belongs to the other one."
            )
    return problems


def _format_problem(mode: Mode, field: str, value: str | None) -> str | None:
    wanted = EXAMPLES[field].format(mode=mode)
    if not value:
        return f"Needed: it begins {wanted}"
    if len(value) > LONGEST:
        return f"Too long for a key. It begins {wanted} and is one line."
    if _FORMS[field].fullmatch(value):
        return None
    if re.search(r"\s", value):
        return "There is a space or a line break in it: copy it again, in one piece."
    if any(mark in value for mark in "•*…"):
        return "This is a masked key: reveal it at Stripe, then copy it."
    kind = next((kind for beginning, kind in _KINDS if value.startswith(beginning)), None)
    if kind is None:
        return f"This is not a key of Stripe. It begins {wanted}"
    if value.startswith(_BEGINNINGS[field]) and not value.startswith("sk_org_"):
        return f"This is not a complete key: copy all of it. It begins {wanted}"
    return f"This is {kind}. What belongs here begins {wanted}"
