"""The same story in every payload family teaches the same, but for what a family does not carry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.snapshots import UNKNOWN, CheckoutState, CustomerState, Fact, Kind, Learned, PaymentState, Snapshot
from integrations.stripe.translate import envelope, translate

from .payloads import ACACIA, BASIL, CLOVER, DAHLIA, V2019, V2020, V2022, VERSIONS, payload
from .story import (
    CHARGE,
    CUSTOMER,
    INVOICE,
    NEXT,
    PAID,
    PAYMENT,
    SUBSCRIPTION,
    T0,
    catalogue,
    links,
    payment_links,
    payments_wanted,
    subscription,
    wanted,
)

each_family = pytest.mark.parametrize("version", VERSIONS)


def learned(version: str, event_type: str) -> Learned:
    result = translate(payload(version, event_type))
    assert result is not None
    return result


@each_family
def test_envelope(version: str) -> None:
    head = envelope(payload(version, "invoice.paid"))
    assert (head.id, head.type, head.created) == ("evt_1AdaEvent00000000040000", "invoice.paid", T0 + 3706)
    assert (head.api_version, head.livemode, head.account, head.context) == (version, False, None, None)


@each_family
def test_customer_created(version: str) -> None:
    state = CustomerState(
        id=CUSTOMER,
        created=T0 - 20,
        email="ada@example.com",
        name="Ada Lovelace",
        country="GB",
        currency=None,
        delinquent=False,
        deleted=False,
        discounts=(),
    )
    assert learned(version, "customer.created") == Learned(
        event_id="evt_1AdaEvent00000000000000",
        event_type="customer.created",
        happened_at=T0 - 20,
        snapshots=(Snapshot(Kind.CUSTOMER, state, born=True),),
    )


@each_family
def test_subscription_created(version: str) -> None:
    assert learned(version, "customer.subscription.created") == Learned(
        event_id="evt_1AdaEvent00000000010000",
        event_type="customer.subscription.created",
        happened_at=T0,
        snapshots=(Snapshot(Kind.SUBSCRIPTION, subscription(version), born=True),),
        catalogue=catalogue(version),
        wanted=wanted(version),
    )


@each_family
def test_subscription_updated_shows_both_sides(version: str) -> None:
    """A renewal whose payment failed, and more seats than before."""
    after = subscription(version, status="past_due", current_period_start=NEXT, current_period_end=NEXT + 2_678_400)
    seats, team = after.items
    before = subscription(
        version, items=(replace(seats, quantity=5), team), latest_invoice="in_1AdaFirstMonth0000000000"
    )
    result = learned(version, "customer.subscription.updated")
    assert result.snapshots == (Snapshot(Kind.SUBSCRIPTION, after, before=before),)
    assert result.catalogue == catalogue(version)
    assert result.facts == ()


@each_family
def test_subscription_deleted(version: str) -> None:
    ended = subscription(
        version,
        status="canceled",
        canceled_at=NEXT + 900_000,
        ended_at=NEXT + 900_000,
        current_period_start=NEXT,
        current_period_end=NEXT + 2_678_400,
        cancellation_reason=UNKNOWN if version in (V2019, V2020) else "cancellation_requested",
    )
    assert learned(version, "customer.subscription.deleted").snapshots == (Snapshot(Kind.SUBSCRIPTION, ended),)


@each_family
def test_invoice_paid(version: str) -> None:
    fact = Fact(
        kind="invoice.paid",
        object_kind=Kind.INVOICE,
        object_id=INVOICE,
        customer=CUSTOMER,
        detail={
            "amount": 18_120,
            "currency": "usd",
            "subscription": SUBSCRIPTION,
            "number": "E4SH3PJZ-0002",
            "attempt_count": 1,
            "billing_reason": "subscription_cycle",
            "paid_at": T0 + 3705,
        },
    )
    assert learned(version, "invoice.paid") == Learned(
        event_id="evt_1AdaEvent00000000040000",
        event_type="invoice.paid",
        happened_at=T0 + 3706,
        snapshots=(Snapshot(Kind.INVOICE, PAID),),
        links=links(version),
        facts=(fact,),
        wanted=payments_wanted(version),
    )


@each_family
def test_invoice_payment_failed(version: str) -> None:
    state = replace(
        PAID,
        status="open",
        amount_paid=0,
        amount_remaining=18_120,
        attempt_count=2,
        next_payment_attempt=T0 + 435_700,
        paid_at=None,
    )
    fact = Fact(
        kind="invoice.payment_failed",
        object_kind=Kind.INVOICE,
        object_id=INVOICE,
        customer=CUSTOMER,
        detail={
            "amount": 18_120,
            "currency": "usd",
            "subscription": SUBSCRIPTION,
            "number": "E4SH3PJZ-0002",
            "attempt_count": 2,
            "billing_reason": "subscription_cycle",
            "payment": PAYMENT if links(version) else None,
            "charge": CHARGE if links(version) else None,
            "next_payment_attempt": T0 + 435_700,
            "collection_method": "charge_automatically",
            "due_date": None,
            "hosted_invoice_url": "https://invoice.example/i/ada-second-month?s=ap",
        },
    )
    result = learned(version, "invoice.payment_failed")
    assert result.snapshots == (Snapshot(Kind.INVOICE, state),)
    assert result.facts == (fact,)
    assert result.links == links(version)
    assert result.wanted == payments_wanted(version)


@each_family
def test_payment_succeeded(version: str) -> None:
    state = PaymentState(
        PAYMENT, CUSTOMER, "succeeded", 18_120, "usd", T0 + 3700, amount_received=18_120, charge=CHARGE
    )
    named = payment_links(version)
    fact = Fact(
        kind="payment.succeeded",
        object_kind=Kind.PAYMENT,
        object_id=PAYMENT,
        customer=CUSTOMER,
        detail={"amount": 18_120, "currency": "usd", "invoice": named[0][0] if named else None, "charge": CHARGE},
    )
    assert learned(version, "payment_intent.succeeded") == Learned(
        event_id="evt_1AdaEvent00000000060000",
        event_type="payment_intent.succeeded",
        happened_at=T0 + 3705,
        snapshots=(Snapshot(Kind.PAYMENT, state),),
        links=named,
        facts=(fact,),
    )


@each_family
def test_payment_failed(version: str) -> None:
    advice = None if version in (V2019, V2020, V2022) else "try_again_later"
    state = PaymentState(
        id=PAYMENT,
        customer=CUSTOMER,
        status="requires_payment_method",
        amount=18_120,
        currency="usd",
        created=T0 + 3700,
        amount_received=0,
        charge=CHARGE,
        failure_code="card_declined",
        decline_code="insufficient_funds",
        advice_code=advice,
        failure_message="Your card has insufficient funds.",
    )
    named = payment_links(version)
    result = learned(version, "payment_intent.payment_failed")
    assert result.snapshots == (Snapshot(Kind.PAYMENT, state),)
    assert result.links == named
    assert result.facts == (
        Fact(
            kind="payment.failed",
            object_kind=Kind.PAYMENT,
            object_id=PAYMENT,
            customer=CUSTOMER,
            detail={
                "amount": 18_120,
                "currency": "usd",
                "invoice": named[0][0] if named else None,
                "charge": CHARGE,
                "code": "card_declined",
                "decline_code": "insufficient_funds",
                "advice_code": advice,
                "message": "Your card has insufficient funds.",
                "decline": "soft",
            },
        ),
    )


@each_family
def test_checkout_completed(version: str) -> None:
    old = version in (V2019, V2020)
    state = CheckoutState(
        id="cs_test_a1AdaChecksOut00000000000000000000000000000000000000000000",
        customer=CUSTOMER,
        subscription=SUBSCRIPTION,
        mode="subscription",
        status="complete",
        payment_status="paid",
        created=None if old else T0 - 15,
        currency="usd",
        amount_total=18_120,
        client_reference_id="workspace-42",
        email="ada@example.com",
        name=None if old else "Ada Lovelace",
    )
    result = learned(version, "checkout.session.completed")
    assert result.snapshots == (Snapshot(Kind.CHECKOUT, state),)
    assert result.facts == (
        Fact(
            kind="checkout.completed",
            object_kind=Kind.CHECKOUT,
            object_id=state.id,
            customer=CUSTOMER,
            detail={
                "amount": 18_120,
                "currency": "usd",
                "mode": "subscription",
                "payment_status": "paid",
                "subscription": SUBSCRIPTION,
                "client_reference_id": "workspace-42",
            },
        ),
    )


def test_there_is_a_file_for_every_family_and_type() -> None:
    assert len(VERSIONS) == 8
    assert VERSIONS[3:7] == [ACACIA, BASIL, CLOVER, DAHLIA]
