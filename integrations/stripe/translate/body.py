"""Strict JSON: what is refused here would fail later, in PostgreSQL or in arithmetic, and take its batch along."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from .untranslatable import Untranslatable

DEEPEST: Final = 64
"""Levels of nesting; real events stay below 12."""

_INT64: Final = range(-(2**63), 2**63)
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LONGEST_NUMBER: Final = 40
"""Characters of a number with a fraction or exponent; longer ones, or larger exponents, are not amounts."""


def parse(body: bytes) -> dict[str, Any]:
    """The event in `body`, numbers with a fraction as `Decimal`.

    Raises `Untranslatable` for anything but one JSON object in UTF-8 without NaN or infinities, whole numbers beyond
    64 bits, NUL characters, lone surrogates, or more than 64 levels of nesting.
    """
    decoder = _WARY if _LONG_DIGITS in body.translate(_DIGITS) else _DECODER
    try:
        event = decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise Untranslatable(
            "The body is not UTF-8 text. Nothing at Stripe sends this: look at what signed it."
        ) from None
    except json.JSONDecodeError as error:
        raise Untranslatable(f"The body is not JSON (character {error.pos}). Was it cut off on its way?") from None
    except RecursionError:
        raise Untranslatable(_TOO_DEEP) from None
    if type(event) is not dict:
        raise Untranslatable("The body is JSON, but not an object: an event is expected.")
    if body.count(b"{") + body.count(b"[") > DEEPEST:
        _refuse_deep(event)
    if b"\\u" in body and _SUSPECT.search(body):
        _refuse_characters(event, "")
    return event


_TOO_DEEP: Final = f"The body is nested deeper than {DEEPEST} levels. Real events are not: look at what signed it."


def _whole(text: str) -> int:
    if len(text) < 19:
        return int(text)
    if len(text) > 20 or int(text) not in _INT64:
        raise Untranslatable("A whole number in the body does not fit into 64 bits. Stripe's amounts and times do.")
    return int(text)


def _fraction(text: str) -> Decimal:
    value = Decimal(text) if len(text) <= _LONGEST_NUMBER else None
    if value is None or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise Untranslatable("A number in the body is too large or too precise to be an amount or a percentage.")
    return value


def _constant(name: str) -> NoReturn:
    raise Untranslatable(f"The body holds {name}, which is not a number in JSON. Stripe's amounts are finite.")


_DECODER: Final = json.JSONDecoder(parse_float=_fraction, parse_constant=_constant)
_WARY: Final = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=_constant)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS: Final = b"0" * 19
"""What a body must hold, all digits taken for 0, to need the decoder that looks at every whole number."""


def _refuse_deep(event: dict[str, Any]) -> None:
    level: list[Any] = [event]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise Untranslatable(_TOO_DEEP)


def _refuse_characters(value: Any, path: str) -> None:
    """Only for bodies whose escapes look like NUL or a surrogate: PostgreSQL's text can hold neither."""
    if type(value) is str:
        if "\0" in value:
            raise Untranslatable(f"{path or 'A field name'} holds a NUL character, which no database text can hold.")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Untranslatable(f"{path or 'A field name'} holds half a character (a lone surrogate).") from None
    elif type(value) is dict:
        for key, child in value.items():
            _refuse_characters(key, "")
            _refuse_characters(child, _below(path, key))
    elif type(value) is list:
        for index, child in enumerate(value):
            _refuse_characters(child, f"{path}[{index}]")


def _below(path: str, key: str) -> str:
    """The path of a field, without the names that are the account's own words (metadata keys)."""
    if path.endswith("metadata") or not _FIELD.fullmatch(key):
        return path
    return f"{path}.{key}" if path else key
