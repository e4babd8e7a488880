"""Objects as small as they may be, and what they teach; for tests of single fields."""

from __future__ import annotations

from typing import Any

from billing.snapshots import InvoiceState, Learned, SubscriptionState
from integrations.stripe.translate import translate

from .payloads import event

TERMS = {"id": "TEN", "object": "coupon", "percent_off": 10, "duration": "forever"}


def learn(event_type: str, obj: dict[str, Any], previous: dict[str, Any] | None = None) -> Learned:
    learned = translate(event(event_type, obj, previous))
    assert learned is not None
    return learned


def subscription(**fields: Any) -> dict[str, Any]:
    return {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 1} | fields


def subscription_state(event_type: str = "customer.subscription.updated", **fields: Any) -> SubscriptionState:
    state = learn(event_type, subscription(**fields)).snapshots[0].state
    assert isinstance(state, SubscriptionState)
    return state


def invoice(**fields: Any) -> dict[str, Any]:
    return {"id": "in_1", "object": "invoice", "customer": "cus_1", "currency": "usd", "created": 1} | fields


def invoice_state(event_type: str = "invoice.updated", **fields: Any) -> InvoiceState:
    state = learn(event_type, invoice(**fields)).snapshots[0].state
    assert isinstance(state, InvoiceState)
    return state


def payment(**fields: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "customer": "cus_1",
        "status": "succeeded",
        "amount": 500,
        "currency": "usd",
        "created": 1,
    } | fields


def discount(identity: str = "di_1", **fields: Any) -> dict[str, Any]:
    return {"id": identity, "object": "discount", "start": 5, "end": None} | fields
