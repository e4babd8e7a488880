"""The monthly worth of subscriptions: the published test vectors (numbers as in docs/metrics.md), edges, properties."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metrics.recurring import Recurring, Segment, recurring
from billing.money import Money, total
from billing.snapshots import (
    UNKNOWN,
    Coupon,
    CurrencyOption,
    Discount,
    DiscountRef,
    ItemState,
    Price,
    SubscriptionState,
    Tier,
)

T0 = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())
TIERS = (
    Tier(up_to=5, unit_amount=Decimal(700), flat_amount=None),
    Tier(up_to=10, unit_amount=Decimal(650), flat_amount=None),
    Tier(up_to=None, unit_amount=Decimal(600), flat_amount=None),
)


def price(amount: int | str | None, interval: str = "month", count: int = 1, **terms: object) -> Price:
    unit_amount = None if amount is None else Decimal(amount)
    known = {
        "id": "price",
        "currency": "usd",
        "billing_scheme": "per_unit",
        "usage_type": "licensed",
        "tiers": None,
        **terms,
    }
    return Price(unit_amount=unit_amount, interval=interval, interval_count=count, **known)  # type: ignore[arg-type]


def coupon(duration: str, percent: str | None = None, amount: int | None = None, months: int | None = None) -> Coupon:
    return Coupon(
        id="coupon",
        percent_off=None if percent is None else Decimal(percent),
        amount_off=amount,
        currency=None if amount is None else "usd",
        duration=duration,
        duration_in_months=months,
    )


def worth(
    *prices: Price,
    quantity: int | None = 1,
    coupons: Sequence[Coupon] = (),
    since: int = T0,
    until: int | None = None,
    **fields: object,
) -> Recurring:
    """The worth of a subscription to the prices, each an item, with the coupons as its own discounts from T0 on."""
    named = [replace(p, id=f"price_{n}") for n, p in enumerate(prices)]
    coupons = [replace(c, id=f"coupon_{n}") for n, c in enumerate(coupons)]
    state = SubscriptionState(
        id="sub",
        customer="cus",
        created=T0,
        items=tuple(ItemState(id=f"si_{n}", price=p.id, quantity=quantity) for n, p in enumerate(named)),
        **{
            "status": "active",
            "currency": named[0].currency,
            "discounts": tuple(DiscountRef(id=f"di_{n}") for n, _ in enumerate(coupons)),
            **fields,
        },  # type: ignore[arg-type]
    )
    discounts = {f"di_{n}": Discount(f"di_{n}", coupon=c.id, start=T0, end=None) for n, c in enumerate(coupons)}
    return recurring(state, {p.id: p for p in named}, discounts, {c.id: c for c in coupons}, since, until)


def mrr(*results: Recurring) -> str:
    segments = [segment for result in results for segment in result.segments]
    assert not any(result.missing for result in results)
    assert not any(segment.trial for segment in segments)
    currency = segments[0].currency if segments else "usd"
    return total((Money(s.monthly, s.currency) for s in segments), currency).plain()


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


amounts = st.integers(1, 10**9)
intervals = st.sampled_from(["day", "week", "month", "year"])
prices = st.builds(price, amounts, intervals, st.integers(1, 12))


@given(st.lists(prices, min_size=1, max_size=4), st.integers(0, 100), st.randoms())
def test_the_order_of_items_is_irrelevant(chosen: list[Price], percent: int, random: object) -> None:
    items = [ItemState(f"si_{n}", f"price_{n}", quantity=n + 1) for n in range(len(chosen))]
    shuffled = items[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    catalogue = {f"price_{n}": replace(p, id=f"price_{n}") for n, p in enumerate(chosen)}
    coupons = {"p": coupon("forever", str(percent)), "a": coupon("forever", amount=1_000)}
    refs = (DiscountRef(None, "p"), DiscountRef(None, "a"))
    state = SubscriptionState("sub", "cus", "active", T0, "usd", tuple(items), refs)
    other = replace(state, items=tuple(shuffled))
    assert recurring(state, catalogue, {}, coupons, T0, None) == recurring(other, catalogue, {}, coupons, T0, None)


@given(st.lists(prices, min_size=1, max_size=4), st.integers(1, 50))
def test_all_off_is_nothing(chosen: list[Price], quantity: int) -> None:
    assert worth(*chosen, quantity=quantity, coupons=[coupon("forever", "100")]).segments == ()


@given(st.lists(amounts, min_size=1, max_size=6), amounts)
def test_the_parts_of_an_amount_off_are_the_whole(gross: list[int], off: int) -> None:
    result = worth(*map(price, gross), coupons=[coupon("forever", amount=off)])
    left = sum((Fraction(s.monthly) for s in result.segments), Fraction(0))
    assert abs(left - max(0, sum(gross) - off)) <= Fraction(len(gross), 2 * 10**18)
    assert Money(sum((s.monthly for s in result.segments), Decimal(0)), "usd").rounded().minor == max(
        0, sum(gross) - off
    )


@given(prices, st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 10**6))
def test_discounts_never_add_and_amounts_are_never_negative(
    one: Price, quantity: int, percent: int, amount: int
) -> None:
    full = sum((s.monthly for s in worth(one, quantity=quantity).segments), Decimal(0))
    taken = [coupon("forever", str(percent)), coupon("forever", amount=amount)]
    left = [s.monthly for s in worth(one, quantity=quantity, coupons=taken).segments]
    assert all(monthly > 0 for monthly in left)
    assert sum(left, Decimal(0)) <= full


@given(st.integers(1, 400), st.integers(-(2**31), 2**33))
def test_segments_of_an_item_follow_each_other(months: int, since: int) -> None:
    result = worth(
        price(1_000),
        price(10),
        coupons=[coupon("repeating", "50", months=months), coupon("forever", "10")],
        since=since,
    )
    for item in ("si_0", "si_1"):
        own = [s for s in result.segments if s.item_id == item]
        assert own[0].starts == since
        assert own[-1].ends is None
        assert [s.ends for s in own[:-1]] == [s.starts for s in own[1:]]
