"""Snapshots as JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing.snapshots import (
    UNKNOWN,
    Coupon,
    CurrencyOption,
    CustomerState,
    Discount,
    DiscountRef,
    ItemState,
    PaymentState,
    Price,
    SubscriptionState,
    Tier,
    digest,
    known,
    revive,
)

TIERED = Price(
    id="price_1",
    unit_amount=None,
    tiers=(Tier(5, Decimal("7.5"), None), Tier(None, None, Decimal(100))),
    currency_options=(CurrencyOption("eur", Decimal("0.25"), (Tier(None, Decimal(1), None),)), CurrencyOption("gbp")),
    interval_count=3,
    active=False,
)
SUBSCRIPTION = SubscriptionState(
    id="sub_1",
    customer="cus_1",
    status="active",
    created=5,
    currency=None,
    items=(ItemState("si_1", "price_1", None, (DiscountRef("di_1"),), Decimal("19.5")), ItemState("si_2", "price_2")),
    discounts=(DiscountRef(None, "TEN", 1, None),),
    trial_end=9,
)


@pytest.mark.parametrize(
    "value",
    [
        TIERED,
        SUBSCRIPTION,
        Price("price_2"),
        Coupon("TEN", percent_off=Decimal("12.5"), amount_off=None),
        Discount("di_1", coupon="TEN", start=1, end=None),
        CustomerState("cus_1", email=None, discounts=()),
        CustomerState("cus_2", discounts=(DiscountRef("di_1"),)),
        PaymentState("pi_1", None, "succeeded", 5, "usd", 1, charge=None),
    ],
)
def test_there_and_back(value: Any) -> None:
    stored = json.loads(json.dumps(known(value)))
    assert revive(type(value), stored) == value
    assert digest(stored) == digest(known(value))


def test_unknown_is_left_out_and_comes_back_as_unknown() -> None:
    assert known(Price("price_1", nickname=None)) == {"id": "price_1", "nickname": None}
    assert revive(Price, {"id": "price_1"}).tiers is UNKNOWN


def test_names_that_the_class_no_longer_has_are_left_out() -> None:
    assert revive(Discount, {"id": "di_1", "promotion": "X"}) == Discount("di_1")


def test_a_missing_name_without_a_default_is_an_error() -> None:
    with pytest.raises(TypeError):
        revive(SubscriptionState, {"id": "sub_1"})


def test_digests_tell_states_apart_and_ignore_how_a_number_is_written() -> None:
    half = replace(SUBSCRIPTION.items[0], inclusive_tax_percent=Decimal("19.50"))
    same = replace(SUBSCRIPTION, items=(half, SUBSCRIPTION.items[1]))
    other = replace(SUBSCRIPTION, trial_end=10)
    assert digest(known(same)) == digest(known(SUBSCRIPTION))
    assert digest(known(other)) != digest(known(SUBSCRIPTION))
