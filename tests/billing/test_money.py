"""Money: decimals of currencies, rounding, and what it refuses."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.money import MixedCurrencies, Money, exponent, total


def test_decimals_of_currencies() -> None:
    assert [exponent(code) for code in ("usd", "EUR", "jpy", "KRW", "kwd", "tnd", "ugx", "isk")] == [
        2,
        2,
        0,
        0,
        3,
        3,
        2,
        2,
    ]


@pytest.mark.parametrize(
    ("minor", "currency", "plain"),
    [
        (1_250_000, "usd", "12500.00"),
        (0, "usd", "0.00"),
        (-5, "usd", "-0.05"),
        (5_000, "jpy", "5000"),
        (3_500, "kwd", "3.500"),
        (Decimal("4333.333333333333333333"), "usd", "43.33"),
        (Decimal("0.5"), "usd", "0.00"),
        (Decimal("1.5"), "usd", "0.02"),
        (Decimal("2.5"), "usd", "0.02"),
        (Decimal("2.500000000000000001"), "usd", "0.02"),
        (Decimal("1.499999999999999998"), "usd", "0.02"),
        (Decimal("1.4999999"), "usd", "0.01"),
        (Decimal("12345678901234567890.5"), "jpy", "12345678901234567890"),
    ],
)
def test_plain(minor: int | Decimal, currency: str, plain: str) -> None:
    assert Money(minor, currency).plain() == plain


def test_amount_is_exact() -> None:
    assert Money(Decimal("0.000000000000000001"), "usd").amount == Decimal("0.00000000000000000001")
    assert Money(123_456_789_012_345_678_901_234_567_890, "kwd").amount == Decimal("123456789012345678901234567.890")


def test_arithmetic_within_one_currency() -> None:
    assert Money(150, "USD") + Money(50, "usd") == Money(200, "usd")
    assert Money(150, "usd") - Money(Decimal("0.5"), "usd") == Money(Decimal("149.5"), "usd")
    assert -Money(150, "usd") == Money(-150, "usd")
    assert 3 * Money(150, "usd") * 2 == Money(900, "usd")
    assert Money(150, "usd") > Money(Decimal("149.99"), "usd")
    assert Money(1, "usd") <= Money(1, "usd")
    assert not Money(0, "usd")
    assert str(Money(150, "usd")) == "1.50 USD"
    assert total([], "jpy") == Money(0, "jpy")
    assert total([Money(1, "jpy"), Money(2, "jpy")], "jpy") == Money(3, "jpy")


def test_currencies_never_mix() -> None:
    with pytest.raises(MixedCurrencies):
        Money(1, "usd") + Money(1, "eur")
    with pytest.raises(MixedCurrencies):
        Money(1, "usd") - Money(1, "eur")
    with pytest.raises(MixedCurrencies):
        assert Money(1, "usd") < Money(1, "eur")
    with pytest.raises(MixedCurrencies):
        total([Money(1, "usd"), Money(1, "eur")], "usd")
    assert Money(1, "usd") != Money(1, "eur")


@pytest.mark.parametrize("value", [1.0, True, "1", None])
def test_nothing_but_exact_numbers(value: object) -> None:
    with pytest.raises(TypeError):
        Money(value, "usd")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(1, "usd") * value  # type: ignore[operator]


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_only_finite_amounts(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Money(Decimal(value), "usd")


@settings(deadline=None)
@given(st.lists(st.integers(-(10**30), 10**30) | st.decimals(-(10**12), 10**12, places=18)))
def test_sums_are_exact_in_any_order(amounts: list[int | Decimal]) -> None:
    monies = [Money(amount, "usd") for amount in amounts]
    assert total(monies, "usd") == total(reversed(monies), "usd")
    assert total([*monies, *(-money for money in monies)], "usd") == Money(0, "usd")
