"""Gates as people write and read them: one a line, `name = on`, `off`, a number, or `unlimited`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .tiers import Gate

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_WORDS: Final[dict[str, Gate]] = {
    "on": True, "yes": True, "true": True, "off": False, "no": False, "false": False, "unlimited": None,
}  # fmt: skip
_ABBREVIATIONS: Final = {"api": "API", "sso": "SSO", "sla": "SLA", "csv": "CSV"}
MOST: Final = 100
"""Gates of one tier."""
_LARGEST: Final = 2**53 - 1  # what every JSON reader still tells apart


def gates_in(text: str) -> tuple[dict[str, Gate], list[str]]:
    """The gates that a text lists, and what is wrong with it, line by line, in words."""
    gates: dict[str, Gate] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _NAME.fullmatch(name):
            problems.append(f"Line {number}: write name = value; names are small letters, digits and “_”.")
        elif name in gates:
            problems.append(f"Line {number}: {name} is there twice.")
        elif value.lower() in _WORDS:
            gates[name] = _WORDS[value.lower()]
        elif value.isascii() and value.isdigit() and int(value[:20]) <= _LARGEST and len(value) <= 20:
            gates[name] = int(value)
        else:
            problems.append(f"Line {number}: “{value[:40]}” is neither on, off, a number nor unlimited.")
    if len(gates) > MOST:
        problems.append(f"At most {MOST} features, please.")
    return dict(sorted(gates.items())), problems


def gate_text(gate: Gate) -> str:
    """One gate in a word."""
    if gate is None:
        return "unlimited"
    if isinstance(gate, bool):
        return "on" if gate else "off"
    return str(gate)


def gates_text(gates: Mapping[str, Gate]) -> str:
    """The inverse of `gates_in`."""
    return "\n".join(f"{name} = {gate_text(gate)}" for name, gate in sorted(gates.items()))


def feature_label(name: str) -> str:
    """`single_sign_on` as people read it."""
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
