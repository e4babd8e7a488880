"""The events that an endpoint should select, and what does not work without each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

REQUIRED_EVENTS: Final[dict[str, str]] = {
    "customer.subscription.created": "new subscriptions stay unknown, and with them MRR and access",
    "customer.subscription.updated": "upgrades, downgrades and scheduled cancellations are missed",
    "customer.subscription.deleted": "ended subscriptions go on counting and keep their access",
    "invoice.paid": "paid invoices are missing, and dunning does not stop when a customer has paid",
    "invoice.payment_failed": "failed payments are not noticed, and dunning never begins",
    "payment_intent.succeeded": "payments are not recorded",
    "payment_intent.payment_failed": "failed payments have no reason, and there are no alerts about them",
    "checkout.session.completed": "customers who come through Checkout are not welcomed or linked to your users",
}
"""Type → what breaks without it."""

# Stripe's own list of events has no wildcards for endpoints made in the Dashboard: ticking these types does as well.
RECOMMENDED_EVENTS: Final[dict[str, tuple[str, ...]]] = {
    "customer.subscription.*": (
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
    ),
    "invoice.*": (
        "invoice.finalized",
        "invoice.updated",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.payment_action_required",
    ),
    "payment_intent.*": ("payment_intent.requires_action", "payment_intent.processing", "payment_intent.canceled"),
}
"""Wildcard → the further types of it that carry state."""

WITHOUT_RECOMMENDED: Final[dict[str, str]] = {
    "customer.subscription.*": "pauses, resumptions and ending trials show late",
    "invoice.*": "open, voided and written-off invoices show late",
    "payment_intent.*": "payments that wait for the customer's bank show late",
}


def selects(enabled: Collection[str], wanted: str) -> bool:
    """Whether an endpoint with these `enabled_events` gets events of a type (or all of a wildcard)."""
    return any(
        pattern in ("*", wanted) or (pattern.endswith(".*") and wanted.startswith(pattern[:-1])) for pattern in enabled
    )


def missing_required(enabled: Collection[str]) -> list[str]:
    """The required types that are not selected, in the order of the list above."""
    return [wanted for wanted in REQUIRED_EVENTS if not selects(enabled, wanted)]


def missing_recommended(enabled: Collection[str]) -> list[str]:
    """The recommended wildcards that are neither selected nor covered by their single types."""
    return [
        wildcard
        for wildcard, types in RECOMMENDED_EVENTS.items()
        if not selects(enabled, wildcard) and not all(selects(enabled, type_) for type_ in types)
    ]
