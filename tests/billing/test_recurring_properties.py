"""What holds of the monthly worth of any subscription."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.metrics.recurring import recurring
from billing.money import Money
from billing.snapshots import DiscountRef, ItemState, Price, SubscriptionState

from .worths import T0, coupon, price, worth

amounts = st.integers(1, 10**9)
intervals = st.sampled_from(["day", "week", "month", "year"])
prices = st.builds(price, amounts, intervals, st.integers(1, 12))


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.lists(prices, min_size=1, max_size=4), st.integers(1, 50))
def test_all_off_is_nothing(chosen: list[Price], quantity: int) -> None:
    assert worth(*chosen, quantity=quantity, coupons=[coupon("forever", "100")]).segments == ()


@settings(deadline=None)
@given(st.lists(amounts, min_size=1, max_size=6), amounts)
def test_the_parts_of_an_amount_off_are_the_whole(gross: list[int], off: int) -> None:
    result = worth(*map(price, gross), coupons=[coupon("forever", amount=off)])
    left = sum((Fraction(s.monthly) for s in result.segments), Fraction(0))
    assert abs(left - max(0, sum(gross) - off)) <= Fraction(len(gross), 2 * 10**18)
    assert Money(sum((s.monthly for s in result.segments), Decimal(0)), "usd").rounded().minor == max(
        0, sum(gross) - off
    )


@settings(deadline=None)
@given(prices, st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 10**6))
def test_discounts_never_add_and_amounts_are_never_negative(
    one: Price, quantity: int, percent: int, amount: int
) -> None:
    full = sum((s.monthly for s in worth(one, quantity=quantity).segments), Decimal(0))
    taken = [coupon("forever", str(percent)), coupon("forever", amount=amount)]
    left = [s.monthly for s in worth(one, quantity=quantity, coupons=taken).segments]
    assert all(monthly > 0 for monthly in left)
    assert sum(left, Decimal(0)) <= full


@settings(deadline=None)
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
