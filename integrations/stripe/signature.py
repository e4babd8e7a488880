"""The signature of a webhook delivery: read strictly, compared in constant time over the raw body.

Stricter than Stripe's own library on purpose (it accepts any age unless told otherwise, future times, signs and
non-ASCII digits in the time, and raises other errors than its own on bytes it does not expect).
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

TOLERANCE: Final = 300
"""Seconds that the signed time may lie before or after our clock."""

_LONGEST: Final = 1024
_SIGNATURES: Final = 5
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_NOBODY: Final = os.urandom(32)
"""Stands in for a missing secret; nobody can sign with it, and an unknown endpoint takes as long as a known one."""


class Reason(StrEnum):
    """Why a delivery was refused. All but `MISSING` and `MALFORMED` speak of a well-formed header."""

    MISSING = "missing"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    STALE = "stale"
    FUTURE = "future"


class Refused(Exception):  # noqa: N818 - it names the outcome, as the diagnostics page does
    """The delivery is not Stripe's, or not fresh. Holds the reason alone: errors travel to trackers."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def verify(
    header: str | bytes | None, body: bytes, secrets: Sequence[bytes], now: float, tolerance: int = TOLERANCE
) -> int:
    """Which of `secrets` signed `body`, as its index.

    `header` is the Stripe-Signature header, `body` the request's raw bytes, `now` unix seconds, `tolerance` seconds in
    both directions. Several secrets are valid while one is being replaced; with none (an unknown endpoint) the work
    is the same and the answer a mismatch.

    Raises `Refused`. The age counts only after the signature: "stale" and "future" are evidence of a replay or of a
    wrong clock, never of a stranger's guess.
    """
    if not header:
        raise Refused(Reason.MISSING)
    timestamp, signatures = _read(header)
    signed = b"%d.%b" % (timestamp, body)
    found = -1
    for index, secret in enumerate(secrets or (_NOBODY,)):
        expected = hmac.digest(secret or _NOBODY, signed, "sha256")
        for signature in signatures:
            if hmac.compare_digest(expected, signature) and found < 0:
                found = index
    if found < 0:
        raise Refused(Reason.MISMATCH)
    if timestamp < now - tolerance:
        raise Refused(Reason.STALE)
    if timestamp > now + tolerance:
        raise Refused(Reason.FUTURE)
    return found


def sign(body: bytes, secret: bytes, timestamp: int) -> str:
    """The header with which Stripe would deliver `body` at `timestamp` (unix seconds); for our own test events."""
    return f"t={timestamp},v1={hmac.digest(secret, b'%d.%b' % (timestamp, body), 'sha256').hex()}"


def _read(header: str | bytes) -> tuple[int, list[bytes]]:
    """The signed time and the `v1` signatures; other schemes (`v0`) are passed over, as Stripe asks."""
    if len(header) > _LONGEST or not header.isascii():
        raise Refused(Reason.MALFORMED)
    text = header.decode("ascii") if isinstance(header, bytes) else header
    timestamp, signatures = None, []
    for element in text.split(","):
        scheme, equals, value = element.partition("=")
        if scheme == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(bytes.fromhex(value))
        elif scheme == "t" and timestamp is None and len(value) == 10 and value.isdigit():
            timestamp = int(value)
        elif not equals or not scheme.isalnum() or scheme in ("t", "v1"):
            raise Refused(Reason.MALFORMED)
    if timestamp is None or not 1 <= len(signatures) <= _SIGNATURES:
        raise Refused(Reason.MALFORMED)
    return timestamp, signatures
