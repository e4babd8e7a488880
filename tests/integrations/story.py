"""What Ada's story teaches, by payload family: the expectations of the payload files."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing.snapshots import (
    UNKNOWN,
    Coupon,
    Discount,
    DiscountRef,
    InvoiceState,
    ItemState,
    Price,
    SubscriptionState,
    Tier,
)

from .payloads import BASIL, CLOVER, V2019, V2020

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


def links(version: str) -> tuple[tuple[str, str], ...]:
    return ((INVOICE, PAYMENT),) if version < BASIL else ()


def payments_wanted(version: str) -> tuple[tuple[str, str], ...]:
    return () if version < BASIL else (("invoice_payments", INVOICE),)


def payment_links(version: str) -> tuple[tuple[str, str], ...]:
    """Basil does not name the invoice, clover cuts its id; before and after, the payment names it."""
    return () if version in (BASIL, CLOVER) else ((INVOICE, PAYMENT),)
