"""Which event teaches what: every event type that is used, on one page. All others are counted as ignored.

Types that newly appear at Stripe are ignored as well until they are listed here: their state arrives with the
`updated` event of the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from billing.snapshots import Kind, State

from . import catalogue, checkout, customer, discounts, invoice, payment, subscription
from .lesson import Lesson
from .part import Part

Teach = Callable[[Part, Lesson], None]


@dataclass(frozen=True, slots=True)
class Object:
    """How to read one kind of Stripe's objects: its own state, where we keep one, and what else stands in it."""

    around: Teach
    kind: Kind | None = None
    state: Callable[[Part], State] | None = None


OBJECTS: Final[dict[str, Object]] = {
    "customer": Object(customer.around, Kind.CUSTOMER, customer.state),
    "subscription": Object(subscription.around, Kind.SUBSCRIPTION, subscription.state),
    "invoice": Object(invoice.around, Kind.INVOICE, invoice.state),
    "payment_intent": Object(payment.around, Kind.PAYMENT, payment.state),
    "checkout.session": Object(checkout.around, Kind.CHECKOUT, checkout.state),
    "invoice_payment": Object(invoice.payment_link),
    "product": Object(catalogue.product),
    "price": Object(catalogue.price),
    "plan": Object(catalogue.price),
    "coupon": Object(catalogue.coupon),
    "discount": Object(discounts.discount),
}
"""By the object's own word for itself (`data.object.object`)."""

_CHANGES: Final = ("created", "updated", "deleted")

_USED: Final = {
    "customer": ("customer", _CHANGES),
    "customer.subscription": (
        "subscription",
        (*_CHANGES, "paused", "resumed", "trial_will_end", "pending_update_applied", "pending_update_expired"),
    ),
    "customer.discount": ("discount", _CHANGES),
    "coupon": ("coupon", _CHANGES),
    "product": ("product", _CHANGES),
    "price": ("price", _CHANGES),
    "plan": ("plan", _CHANGES),
    "invoice": (
        "invoice",
        (
            *_CHANGES,
            "finalized",
            "finalization_failed",
            "sent",
            "paid",
            "payment_succeeded",
            "payment_failed",
            "payment_action_required",
            "payment_attempt_required",
            "overdue",
            "overpaid",
            "will_be_due",
            "voided",
            "marked_uncollectible",
        ),
    ),
    "invoice_payment": ("invoice_payment", ("paid",)),
    "payment_intent": (
        "payment_intent",
        (
            "created",
            "succeeded",
            "payment_failed",
            "processing",
            "canceled",
            "requires_action",
            "partially_funded",
            "amount_capturable_updated",
        ),
    ),
    "checkout.session": (
        "checkout.session",
        ("completed", "expired", "async_payment_succeeded", "async_payment_failed"),
    ),
}
"""Per family of types: the object that its events carry, and the types that are used."""

EVENTS: Final[dict[str, str]] = {
    f"{family}.{change}": carried for family, (carried, changes) in _USED.items() for change in changes
}
"""Event type → the object that it carries."""

IMPLIED: Final[dict[str, dict[str, Any]]] = {
    **{event: {"deleted": True} for event in EVENTS if event.endswith(".deleted")},
    "checkout.session.completed": {"status": "complete"},
    "checkout.session.expired": {"status": "expired"},
}
"""What an event's type says of its object where the object does not: `deleted` as on a deleted object that is read,
and the status of sessions, which came in 2022.
"""

FACTS: Final[dict[str, Teach]] = {
    "customer.subscription.trial_will_end": subscription.trial_will_end,
    "invoice.paid": invoice.paid,
    "invoice.payment_failed": invoice.payment_failed,
    "invoice.payment_action_required": invoice.action_required,
    "payment_intent.succeeded": payment.succeeded,
    "payment_intent.payment_failed": payment.failed,
    "checkout.session.completed": checkout.completed,
}
"""Events that say more than a state: what happened, kept with its own details."""
