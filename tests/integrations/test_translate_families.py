"""The same story in every payload family teaches the same, but for what a family does not carry."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing.snapshots import (
    UNKNOWN,
    CheckoutState,
    Coupon,
    CustomerState,
    Discount,
    DiscountRef,
    Fact,
    InvoiceState,
    ItemState,
    Kind,
    Learned,
    PaymentState,
    Price,
    Snapshot,
    SubscriptionState,
    Tier,
)
from integrations.stripe.translate import envelope, translate

from .payloads import ACACIA, BASIL, CLOVER, DAHLIA, V2019, V2020, V2022, VERSIONS, payload

T0, NEXT = 1_790_000_000, 1_792_592_000
CUSTOMER, SUBSCRIPTION = "cus_AdaLovelace18x", "sub_1AdaTeamAndSeats00000000"
INVOICE, PAYMENT, CHARGE = "in_1AdaSecondMonth000000000", "pi_1AdaPaysSecond0000000000", "ch_1AdaPaysSecond0000000000"
TEAM, SEATS = "price_1Team0000000000000000000", "price_1Seats000000000000000000"
DISCOUNT, COUPON = "di_1AdaLaunch00000000000000", "LAUNCH20"
TIERS = (
    Tier(up_to=5, unit_amount=Decimal(700), flat_amount=None),
    Tier(up_to=10, unit_amount=Decimal(650), flat_amount=None),
    Tier(up_to=None, unit_amount=Decimal(600), flat_amount=None),
)

each_family = pytest.mark.parametrize("version", VERSIONS)


def learned(version: str, event_type: str) -> Learned:
    result = translate(payload(version, event_type))
    assert result is not None
    return result


def discount_ref(version: str) -> DiscountRef:
    """Discounts had no id in 2019: there the state holds the terms."""
    return DiscountRef(None, COUPON, T0, T0 + 7_862_400) if version == V2019 else DiscountRef(DISCOUNT)


def subscription(version: str, **changes: Any) -> SubscriptionState:
    seats, team = (
        ItemState("si_AdaSeatItem02b", SEATS, 12, inclusive_tax_percent=Decimal(19)),
        ItemState("si_AdaTeamItem01a", TEAM, 3),
    )
    state = SubscriptionState(
        id=SUBSCRIPTION,
        customer=CUSTOMER,
        status="active",
        created=T0,
        currency="usd",
        items=(seats, team),
        discounts=(discount_ref(version),),
        cancellation_reason=UNKNOWN if version in (V2019, V2020) else None,
        current_period_start=T0,
        current_period_end=NEXT,
        collection_method="charge_automatically",
        latest_invoice=INVOICE,
    )
    return replace(state, **changes)


def catalogue(version: str) -> tuple[Any, ...]:
    """What stands inside the subscription: two prices, and the discount's terms where it is embedded."""
    as_plan = version == V2019
    team = Price(
        id=TEAM,
        product="prod_Team000000001",
        currency="usd",
        unit_amount=Decimal(4900),
        billing_scheme="per_unit",
        tiers_mode=None,
        tiers=None,
        interval="month",
        interval_count=1,
        usage_type="licensed",
        transform_divide_by=None,
        transform_round=None,
        tax_behavior=UNKNOWN if version in (V2019, V2020) else "unspecified",
        active=True,
        nickname=None,
        lookup_key=UNKNOWN if as_plan else "team_monthly",
    )
    seats = replace(
        team,
        id=SEATS,
        product="prod_Seats00000002",
        unit_amount=None,
        billing_scheme="tiered",
        tiers_mode="graduated",
        tiers=TIERS if as_plan else UNKNOWN,
        lookup_key=UNKNOWN if as_plan else "seats",
    )
    if version >= BASIL:
        return team, seats
    coupon = Coupon(COUPON, "Launch, 20 % off", Decimal(20), None, None, "repeating", 3)
    if version == V2019:
        return team, seats, coupon
    return team, seats, coupon, Discount(DISCOUNT, COUPON, T0, T0 + 7_862_400)


def wanted(version: str) -> tuple[tuple[str, str], ...]:
    if version == V2019:
        return ()
    return (("price", SEATS),) if version < BASIL else (("price", SEATS), (f"discount:{DISCOUNT}", SUBSCRIPTION))


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


PAID = InvoiceState(
    id=INVOICE,
    customer=CUSTOMER,
    subscription=SUBSCRIPTION,
    status="paid",
    currency="usd",
    created=T0 + 100,
    number="E4SH3PJZ-0002",
    subtotal=22_340,
    total=18_120,
    tax=1_015,
    amount_due=18_120,
    amount_paid=18_120,
    amount_remaining=0,
    attempt_count=1,
    attempted=True,
    next_payment_attempt=None,
    billing_reason="subscription_cycle",
    collection_method="charge_automatically",
    due_date=None,
    period_start=T0,
    period_end=NEXT,
    finalized_at=T0 + 3700,
    paid_at=T0 + 3705,
    hosted_invoice_url="https://invoice.example/i/ada-second-month?s=ap",
)


def links(version: str) -> tuple[tuple[str, str], ...]:
    return ((INVOICE, PAYMENT),) if version < BASIL else ()


def payments_wanted(version: str) -> tuple[tuple[str, str], ...]:
    return () if version < BASIL else (("invoice_payments", INVOICE),)


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


def payment_links(version: str) -> tuple[tuple[str, str], ...]:
    """Basil does not name the invoice, clover cuts its id; before and after, the payment names it."""
    return () if version in (BASIL, CLOVER) else ((INVOICE, PAYMENT),)


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
