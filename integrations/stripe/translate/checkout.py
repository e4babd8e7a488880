"""Checkout sessions: how a customer arrived, and with which subscription."""

from __future__ import annotations

from billing.snapshots import CheckoutState, Fact, Kind

from .lesson import Lesson
from .part import Part


def state(session: Part) -> CheckoutState:
    details = session.part("customer_details")
    subscription = session.ref("subscription")
    return CheckoutState(
        id=session.need("id", session.ref),
        customer=session.ref("customer"),
        subscription=subscription,
        mode=session.text("mode") or ("subscription" if subscription else "payment"),
        status=session.text("status"),
        payment_status=session.text("payment_status"),
        created=session.instant("created"),
        currency=session.currency("currency"),
        amount_total=session.whole("amount_total"),
        client_reference_id=session.text("client_reference_id"),
        email=(details.text("email") if details else None) or session.text("customer_email"),
        name=details.text("name") if details else None,
    )


def around(session: Part, lesson: Lesson) -> None:
    lesson.link(session.ref("invoice"), session.ref("payment_intent"))


def completed(session: Part, lesson: Lesson) -> None:
    learned = state(session)
    lesson.facts.append(
        Fact(
            kind="checkout.completed",
            object_kind=Kind.CHECKOUT,
            object_id=learned.id,
            customer=learned.customer,
            detail={
                "amount": learned.amount_total,
                "currency": learned.currency,
                "mode": learned.mode,
                "payment_status": learned.payment_status,
                "subscription": learned.subscription,
                "client_reference_id": learned.client_reference_id,
            },
        )
    )
