"""The monthly worth of subscriptions: the published test vectors (numbers as in docs/metrics.md) and the edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.metrics.recurring import Recurring, Segment, recurring
from billing.snapshots import (
    UNKNOWN,
    Coupon,
    CurrencyOption,
    Discount,
    DiscountRef,
    ItemState,
    SubscriptionState,
    Tier,
)

from .worths import T0, TIERS, coupon, mrr, price, worth


def test_1_monthly_and_yearly_customers_add_up() -> None:
    monthly = [worth(price(10_000))] * 100
    yearly = [worth(price(60_000, "year"))] * 50
    assert mrr(*monthly, *yearly) == "12500.00"


def test_2_a_year_is_twelve_months() -> None:
    assert mrr(worth(price(120_000, "year"))) == "100.00"


def test_4_a_week() -> None:
    assert mrr(worth(price(1_000, "week"))) == "43.33"


def test_5_a_day() -> None:
    assert mrr(worth(price(100, "day"))) == "30.42"


def test_6_several_months_or_weeks() -> None:
    assert mrr(worth(price(30_000, "month", 3))) == "100.00"
    assert mrr(worth(price(2_000, "week", 2))) == "43.33"


@pytest.mark.parametrize(
    ("mode", "quantity", "expected"),
    [
        ("volume", 5, "35.00"),
        ("volume", 6, "39.00"),
        ("volume", 20, "120.00"),
        ("volume", 25, "150.00"),
        ("graduated", 5, "35.00"),
        ("graduated", 6, "41.50"),
        ("graduated", 20, "127.50"),
        ("graduated", 25, "157.50"),
    ],
)
def test_7_tiers(mode: str, quantity: int, expected: str) -> None:
    tiered = price(None, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)
    assert mrr(worth(tiered, quantity=quantity)) == expected


def test_8_percent_off_forever_counts_and_once_does_not() -> None:
    assert mrr(worth(price(1_000), coupons=[coupon("forever", "50")])) == "5.00"
    assert mrr(worth(price(1_000), coupons=[coupon("once", "50")])) == "10.00"


def test_9_a_repeating_coupon_ends() -> None:
    end = int(datetime(2026, 4, 30, 12, tzinfo=UTC).timestamp())  # three months after 31 January
    result = worth(price(10_000), coupons=[coupon("repeating", "20", months=3)])
    assert result.segments == (
        Segment("si_0", "price_0", "usd", Decimal(8_000), trial=False, starts=T0, ends=end),
        Segment("si_0", "price_0", "usd", Decimal(10_000), trial=False, starts=end, ends=None),
    )


def test_10_an_amount_off_is_spread_over_the_year() -> None:
    assert mrr(worth(price(12_000, "year"), coupons=[coupon("forever", amount=1_200)])) == "9.00"


def test_19_currencies_keep_their_own_decimals() -> None:
    assert mrr(worth(price(5_000, currency="jpy"))) == "5000"
    assert mrr(worth(price(3_500, currency="kwd"))) == "3.500"


def test_flat_amounts_of_tiers() -> None:
    tiers = (
        Tier(up_to=5, unit_amount=None, flat_amount=Decimal(5_000)),
        Tier(up_to=None, unit_amount=Decimal(100), flat_amount=Decimal(1_000)),
    )
    graduated = price(None, billing_scheme="tiered", tiers_mode="graduated", tiers=tiers)
    volume = replace(graduated, tiers_mode="volume")
    assert [mrr(worth(graduated, quantity=q)) for q in (0, 1, 5, 6)] == ["50.00", "50.00", "50.00", "61.00"]
    assert [mrr(worth(volume, quantity=q)) for q in (0, 5, 6)] == ["50.00", "50.00", "16.00"]


@pytest.mark.parametrize(("rounding", "expected"), [("up", "30.00"), ("down", "20.00")])
def test_packages(rounding: str, expected: str) -> None:
    packages = price(1_000, transform_divide_by=10, transform_round=rounding)
    assert mrr(worth(packages, quantity=25)) == expected


def test_fractions_of_a_minor_unit() -> None:
    assert mrr(worth(price("0.5"), quantity=25)) == "0.12"
    assert worth(price("0.5"), quantity=25).segments[0].monthly == Decimal("12.5")
    assert worth(price(100, "year")).segments[0].monthly == Decimal("8.333333333333333333")


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired", "unpaid", "canceled", "paused", "new_word"])
def test_statuses_that_count_nothing(status: str) -> None:
    assert worth(price(1_000), status=status) == Recurring((), frozenset())


def test_past_due_counts_and_a_trial_counts_apart() -> None:
    assert mrr(worth(price(1_000), status="past_due")) == "10.00"
    assert worth(price(1_000), status="trialing").segments == (
        Segment("si_0", "price_0", "usd", Decimal(1_000), trial=True, starts=T0, ends=None),
    )


@pytest.mark.parametrize(("behavior", "count"), [("void", 0), ("mark_uncollectible", 0), ("keep_as_draft", 1)])
def test_paused_collection(behavior: str, count: int) -> None:
    assert len(worth(price(1_000), pause_behavior=behavior).segments) == count


def test_metered_one_off_and_free_items_have_no_segment() -> None:
    metered = price(1_000, usage_type="metered")
    one_off = replace(price(1_000), interval=None, interval_count=None, usage_type=None)
    result = worth(metered, one_off, price(0), price(500))
    assert [segment.item_id for segment in result.segments] == ["si_3"]
    assert mrr(result) == "5.00"


def test_a_metered_tiered_price_needs_no_tiers() -> None:
    metered = price(None, usage_type="metered", billing_scheme="tiered", tiers=UNKNOWN)
    assert worth(metered) == Recurring((), frozenset())


def test_discounts_apply_one_after_the_other() -> None:
    percent, amount = coupon("forever", "10"), coupon("forever", amount=500)
    assert mrr(worth(price(10_000), coupons=[percent, amount])) == "85.00"
    assert mrr(worth(price(10_000), coupons=[amount, percent])) == "85.50"
    assert mrr(worth(price(10_000), coupons=[percent, percent])) == "81.00"


def test_an_amount_off_is_shared_pro_rata_and_never_goes_below_zero() -> None:
    amounts = [s.monthly for s in worth(price(3_000), price(1_000), coupons=[coupon("forever", amount=400)]).segments]
    assert amounts == [Decimal(2_700), Decimal(900)]
    assert worth(price(3_000), price(1_000), coupons=[coupon("forever", amount=4_000)]).segments == ()
    assert worth(price(3_000), coupons=[coupon("forever", amount=9_999)]).segments == ()


def test_an_items_own_discounts_apply_first_and_to_it_alone() -> None:
    items = (
        ItemState(id="si_0", price="price_0", discounts=(DiscountRef(id=None, coupon="half"),)),
        ItemState(id="si_1", price="price_1"),
    )
    state = SubscriptionState("sub", "cus", "active", T0, "usd", items, (DiscountRef(id=None, coupon="amount"),))
    prices = {"price_0": replace(price(4_000), id="price_0"), "price_1": replace(price(2_000), id="price_1")}
    coupons = {"half": coupon("forever", "50"), "amount": coupon("forever", amount=1_000)}
    result = recurring(state, prices, {}, coupons, T0, None)
    assert [s.monthly for s in result.segments] == [Decimal(1_500), Decimal(1_500)]


def test_the_customers_discount_counts_where_the_subscription_has_none() -> None:
    state = SubscriptionState("sub", "cus", "active", T0, "usd", (ItemState("si", "price"),))
    prices, coupons = {"price": price(1_000)}, {"c": coupon("forever", "25"), "own": coupon("forever", "50")}
    customers = (DiscountRef(id=None, coupon="c"),)
    assert mrr(recurring(state, prices, {}, coupons, T0, None, customers)) == "7.50"
    discounted = replace(state, discounts=(DiscountRef(id=None, coupon="own"),))
    assert mrr(recurring(discounted, prices, {}, coupons, T0, None, customers)) == "5.00"


def test_inclusive_tax_is_stripped_after_discounts() -> None:
    item = ItemState("si", "price", inclusive_tax_percent=Decimal(19))
    state = SubscriptionState("sub", "cus", "active", T0, "usd", (item,))
    assert mrr(recurring(state, {"price": price(11_900)}, {}, {}, T0, None)) == "100.00"
    reduced = replace(state, discounts=(DiscountRef(id=None, coupon="c"),))
    amount_off = {"c": coupon("forever", amount=1_190)}
    assert mrr(recurring(reduced, {"price": price(11_900)}, {}, amount_off, T0, None)) == "90.00"


def test_a_subscription_in_another_currency_is_billed_by_the_prices_option() -> None:
    options = (CurrencyOption("eur", Decimal(900)), CurrencyOption("gbp", Decimal(800)))
    in_euro = worth(price(1_000, currency_options=options), currency="eur")
    assert in_euro.segments[0].currency == "eur"
    assert mrr(in_euro) == "9.00"
    assert worth(price(1_000), currency="eur") == Recurring((), frozenset({("price", "price_0")}))


def test_a_subscription_without_a_currency_has_its_prices() -> None:
    assert mrr(worth(price(5_000, currency="jpy"), currency=UNKNOWN)) == "5000"


def test_what_is_not_known_is_named_and_counts_as_absent() -> None:
    state = SubscriptionState(
        "sub", "cus", "active", T0, "usd", (ItemState("si", "price"), ItemState("si_2", "gone")), (DiscountRef("di"),)
    )
    prices = {"price": price(1_000)}
    result = recurring(state, prices, {}, {}, T0, None)
    assert result.missing == {("price", "gone"), ("discount", "di")}
    assert [s.monthly for s in result.segments] == [Decimal(1_000)]
    named = {"di": Discount("di", coupon="c")}
    assert recurring(state, prices, named, {}, T0, None).missing == {("price", "gone"), ("coupon", "c")}
    assert recurring(state, prices, named, {"c": Coupon("c")}, T0, None).missing == {("price", "gone"), ("coupon", "c")}


def test_unknown_tiers_are_missing_and_the_rest_counts() -> None:
    tiered = price(None, billing_scheme="tiered", tiers_mode="volume", tiers=UNKNOWN)
    result = worth(tiered, price(700))
    assert result.missing == {("price", "price_0")}
    assert [s.item_id for s in result.segments] == ["si_1"]


def test_an_amount_off_in_another_currency_is_missing() -> None:
    result = worth(price(1_000, currency="eur"), coupons=[coupon("forever", amount=100)])
    assert result.missing == {("coupon", "coupon_0")}


def test_steps_stay_within_the_time_asked_for() -> None:
    end = T0 + 1_000
    state = SubscriptionState(
        "sub", "cus", "active", T0, "usd", (ItemState("si", "price"),), (DiscountRef(None, "c", T0, end),)
    )

    def steps(since: int, until: int | None) -> list[tuple[Decimal, int, int | None]]:
        coupons = {"c": coupon("repeating", "20", months=3)}
        segments = recurring(state, {"price": price(1_000)}, {}, coupons, since, until).segments
        return [(s.monthly, s.starts, s.ends) for s in segments]

    assert steps(T0, end) == [(Decimal(800), T0, end)]
    assert steps(T0, end + 1) == [(Decimal(800), T0, end), (Decimal(1_000), end, end + 1)]
    assert steps(end, None) == [(Decimal(1_000), end, None)]
    assert steps(end - 1, end) == [(Decimal(800), end - 1, end)]


def test_a_step_that_changes_nothing_for_an_item_is_none() -> None:
    items = (ItemState("a", "price", discounts=(DiscountRef(None, "c", T0, T0 + 9),)), ItemState("b", "price"))
    state = SubscriptionState("sub", "cus", "active", T0, "usd", items)
    result = recurring(state, {"price": price(1_000)}, {}, {"c": coupon("repeating", "20")}, T0, None)
    assert [(s.item_id, s.starts, s.ends) for s in result.segments] == [
        ("a", T0, T0 + 9),
        ("a", T0 + 9, None),
        ("b", T0, None),
    ]
