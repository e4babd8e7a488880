"""Where the present state of each kind of object is kept, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billing.order import Seen
from billing.snapshots import Kind

from .bulk import Column, Table, instants, text, typed

_HEAD = (*text("stripe_id"), *typed("bigint", "position"), *typed("boolean", "sure"))

CUSTOMERS = Table(
    "billing_customer",
    (
        *_HEAD,
        *text("email", "name", "country", "currency"),
        *instants("created"),
        *typed("boolean", "delinquent", "deleted"),
    ),
    # A mere reference (position -1) makes the row known but says nothing about it.
    guard="excluded.position >= 0",
)
SUBSCRIPTIONS = Table(
    "billing_subscription",
    (
        *_HEAD,
        *text("customer", "status", "currency", "cancellation_reason", "pause_behavior", "collection_method"),
        *text("latest_invoice", "billing_mode"),
        *typed("jsonb", "items", "discounts"),
        *typed("boolean", "cancel_at_period_end"),
        *instants("created", "cancel_at", "canceled_at", "ended_at", "trial_start", "trial_end", "pause_resumes_at"),
        *instants("current_period_start", "current_period_end"),
        Column("awaiting", "jsonb", "ARRAY(SELECT jsonb_array_elements_text({}))"),
    ),
)
INVOICES = Table(
    "billing_invoice",
    (
        *_HEAD,
        *text("customer", "subscription", "status", "currency", "number", "billing_reason", "collection_method"),
        *text("hosted_invoice_url"),
        *typed("bigint", "subtotal", "total", "tax", "amount_due", "amount_paid", "amount_remaining"),
        *typed("integer", "attempt_count"),
        *typed("boolean", "attempted"),
        *instants(
            "created", "next_payment_attempt", "due_date", "period_start", "period_end", "finalized_at", "paid_at"
        ),
        *instants("voided_at", "marked_uncollectible_at"),
    ),
)
PAYMENTS = Table(
    "billing_payment",
    (
        *_HEAD,
        *text(
            "customer", "status", "currency", "charge", "failure_code", "decline_code", "advice_code", "failure_message"
        ),
        *typed("bigint", "amount", "amount_received"),
        *instants("created"),
    ),
)
CHECKOUTS = Table(
    "billing_checkout",
    (
        *_HEAD,
        *text("customer", "subscription", "kind", "status", "payment_status", "currency", "client_reference_id"),
        *text("email", "name"),
        *typed("bigint", "amount_total"),
        *instants("created"),
    ),
)
TABLES: dict[Kind, Table] = {
    Kind.CUSTOMER: CUSTOMERS,
    Kind.SUBSCRIPTION: SUBSCRIPTIONS,
    Kind.INVOICE: INVOICES,
    Kind.PAYMENT: PAYMENTS,
    Kind.CHECKOUT: CHECKOUTS,
}


def row(seen: Seen, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A state row from the chosen version of the newest position."""
    state = {**seen.whole, "stripe_id": seen.state["id"], "position": seen.position, "sure": seen.sure, **extra}
    if "mode" in state:  # a checkout's own mode, not ours
        state["kind"] = state.pop("mode")
    return state


def mentioned(states: Sequence[Mapping[str, Any]]) -> list[str]:
    """The customers that the states refer to."""
    return sorted({customer for state in states if (customer := state.get("customer"))})
