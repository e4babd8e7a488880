"""The `Stripe-Signature` header, made the way Stripe makes it.

Source: stripe-facts §1 as published by Stripe: `t=<unix>,v1=<hex>[,v1=…][,v0=…]`, where v1 is the HMAC-SHA256 of
`"{t}.{raw body}"` under the endpoint's signing secret. While a secret is being rolled Stripe signs with every secret
that is still alive, one `v1` each. Test endpoints additionally get a meaningless `v0`.
"""

import hashlib
import hmac
from collections.abc import Sequence


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """Return the `v1` value: 64 lower-case hex digits over the exact bytes that are sent."""
    return hmac.digest(secret.encode(), b"%d." % timestamp + body, "sha256").hex()


def signature_header(body: bytes, secrets: Sequence[str], timestamp: int, *, noise: bool = False) -> str:
    """Return the whole header value.

    Args:
        body: the raw request body; a re-serialised copy would not verify.
        secrets: the live signing secrets, newest first; more than one during a roll.
        timestamp: unix seconds at which this attempt is made. A retry is signed anew.
        noise: add the `v0` value that Stripe sends for test events and that receivers have to ignore.

    Raises:
        ValueError: no secret was given.
    """
    if not secrets:
        raise ValueError("an event is signed with at least one secret")
    parts = [f"t={timestamp}", *(f"v1={signature(body, secret, timestamp)}" for secret in secrets)]
    if noise:
        parts.append("v0=" + hashlib.sha256(b"v0." + body).hexdigest())
    return ",".join(parts)
