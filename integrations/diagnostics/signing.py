"""How far a signing secret is proven, and why deliveries are refused, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from integrations.models import Connection, SigningState
from integrations.stripe.signature import Reason

REASONS: Final[dict[str, str]] = {
    Reason.MISMATCH: "The signature does not match the signing secret stored here",
    Reason.MISSING: "There was no signature: not sent by Stripe, or a proxy removed the header",
    Reason.MALFORMED: "The signature could not be read: a proxy changed the header, or it is not Stripe's",
    Reason.STALE: "Signed more than 5 minutes before: sent again by somebody, or this server's clock is wrong",
    Reason.FUTURE: "Signed more than 5 minutes ahead: this server's clock is wrong",
}
SIGNING: Final = {
    SigningState.UNPROVEN: "No delivery of Stripe's has arrived with it yet. The first one proves it.",
    SigningState.PROVEN: "A delivery of Stripe's was verified with it.",
    SigningState.REFUSED: "A delivery was signed with another secret. Copy the signing secret of the endpoint with "
    "this URL again: every endpoint has its own, and one that was deleted and made anew has a new one.",
}


def signing(row: Connection, mismatch_at: datetime | None) -> SigningState | None:
    """How far the signing secret is proven; None without one. A refusal counts until a delivery proves the secret."""
    if row.__dict__.get("webhook_secret") is None:
        return None
    if mismatch_at is not None and (row.signing_at is None or mismatch_at > row.signing_at):
        return SigningState.REFUSED
    return SigningState(row.signing_state)
