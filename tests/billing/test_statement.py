"""Movements, rates of loss and growth, and currencies in one: the published vectors 12–14, 16 and 17, and the edges."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metrics.churn import Retention, churn_of_30_days, churn_of_month, retention
from billing.metrics.ledger import Book, Flow
from billing.metrics.statement import KINDS, Statement, reporting, statement
from billing.metrics.value import arpa, ltv
from billing.models import MovementKind as Kind
from billing.money import Money, total
from billing.rates import Rates, convert

from .ledgers import FIRST, book, ledger


def shown(movements: Statement) -> dict[str, str]:
    lines = {"start": movements.start, **{str(kind): movements.amounts[kind] for kind in KINDS}, "fx": movements.fx}
    return {name: line.plain() for name, line in [*lines.items(), ("end", movements.end)] if line}


# --- vectors ---------------------------------------------------------------------------------------------------------
def test_12_gross_and_net_churn() -> None:
    days = {3: {Kind.CHURN: ("-1000", -1, 1)}, 4: {Kind.CONTRACTION: ("-1000", 0, 1), Kind.EXPANSION: ("1000", 0, 1)}}
    found = retention(statement(book("10000", days)))
    assert (found.gross_churn, found.net_churn) == (Fraction(20, 100), Fraction(10, 100))


def test_13_the_30_day_tile_and_the_calendar_month() -> None:
    days = {1: {Kind.NEW: ("20000", 20, 20)}, 9: {Kind.CHURN: ("-5000", -5, 5)}}
    days[12] = {Kind.INVOLUNTARY_CHURN: ("-3000", -3, 3), Kind.EXPANSION: ("500", 0, 4)}
    month = book("100000", days, active=100)
    tile, calendar = churn_of_30_days(month), churn_of_month(month)
    assert (tile.churned, tile.involuntary, tile.active_at_start, tile.came) == (8, 3, 100, 20)
    assert f"{float(tile.rate or 0):.2%}" == "6.67%"
    assert calendar.rate == Fraction(8, 100)
    assert month.active_at_end == 112


def test_14_lifetime_value() -> None:
    assert arpa(Money(Decimal(1_000_000), "usd"), 100) == Money(Decimal(10_000), "usd")
    assert ltv(Money(Decimal(1_000_000), "usd"), 100, Fraction(5, 100)) == Money(Decimal(200_000), "usd")


def test_16_a_change_of_the_rate_is_a_line_of_its_own() -> None:
    rates = Rates({"usd": [(FIRST - timedelta(days=1), Decimal("1.10")), (FIRST + timedelta(days=2), Decimal("1.12"))]})
    found = reporting(ledger(book("10000", {}, length=5, currency="eur"), length=5), "usd", rates)
    assert found.statement is not None
    assert shown(found.statement) == {"start": "110.00", "fx": "2.00", "end": "112.00"}
    assert [close.plain() for _, close in found.closes] == ["110.00", "110.00", "112.00", "112.00", "112.00"]


def test_17_a_month_of_everything() -> None:
    days = {
        2: {Kind.NEW: ("3000", 1, 1)},
        5: {Kind.EXPANSION: ("1000", 0, 1), Kind.CONTRACTION: ("-500", 0, 1)},
        20: {Kind.CHURN: ("-1500", -1, 1)},
    }
    month = statement(book("10000", days))
    found = retention(month)
    assert (month.end.plain(), month.net_new.plain()) == ("120.00", "20.00")
    assert (found.quick_ratio, found.nrr, found.grr) == (2, Fraction(90, 100), Fraction(80, 100))


# --- edges -----------------------------------------------------------------------------------------------------------
def test_with_nothing_to_divide_by_there_is_no_number() -> None:
    assert retention(statement(book("0", {1: {Kind.NEW: ("100", 1, 1)}}))) == Retention(None, None, None, None, None)
    nobody = book("0", {})
    assert churn_of_30_days(nobody).rate is None
    assert churn_of_month(nobody).rate is None
    assert arpa(Money(0, "usd"), 0) is None
    assert ltv(Money(100, "usd"), 1, Fraction(0)) is None
    assert ltv(Money(100, "usd"), 1, None) is None


def test_involuntary_churn_and_reactivation_count_too() -> None:
    days = {1: {Kind.INVOLUNTARY_CHURN: ("-2000", -1, 1), Kind.REACTIVATION: ("500", 1, 1)}}
    found = retention(statement(book("10000", days)))
    assert found == Retention(
        Fraction(20, 100), Fraction(15, 100), Fraction(80, 100), Fraction(80, 100), Fraction(1, 4)
    )


def test_a_missing_rate_is_said_and_nothing_is_guessed() -> None:
    late = {3: {Kind.NEW: ("5000", 1, 1)}}
    both = ledger(book("10000", {}, length=5), book("0", late, length=5, currency="gbp"), length=5)
    unknown = reporting(both, "usd", Rates({}))
    assert (unknown.statement, unknown.mrr, unknown.closes) == (None, None, ())
    assert [(rate.currency, rate.day) for rate in unknown.missing] == [("usd", date(2026, 4, 4))]
    rates = Rates({"usd": [(date(2026, 4, 5), Decimal("1.1"))], "gbp": [(date(2026, 4, 5), Decimal("0.55"))]})
    ending = reporting(both, "usd", rates)
    assert ending.statement is None
    assert ending.mrr == Money(Decimal(20_000), "usd")


def test_where_nothing_is_to_convert_no_rate_is_needed() -> None:
    found = reporting(ledger(book("10000", {3: {Kind.CHURN: ("-10000", -1, 1)}})), "usd", Rates({}))
    assert found.statement is not None
    assert shown(found.statement) == {"start": "100.00", "churn": "-100.00"}
    gone = book("0", {}, currency="gbp")
    assert reporting(ledger(gone), "usd", Rates({})).missing == ()


def test_what_rounding_leaves_is_a_line_of_its_own() -> None:
    days = {1: {Kind.NEW: ("33.333333333333333333", 1, 1), Kind.EXPANSION: ("33.333333333333333333", 0, 1)}}
    found = statement(book("33.333333333333333333", days))
    assert [line.plain() for line in (found.start, found.amounts[Kind.NEW], found.end)] == ["0.33", "0.33", "1.00"]
    assert found.rounding == Money(1, "usd")


def test_a_part_of_a_book_starts_where_the_part_before_ended() -> None:
    days = {2: {Kind.NEW: ("3000", 1, 1)}, 5: {Kind.CHURN: ("-500", -1, 1)}, 9: {Kind.EXPANSION: ("7", 0, 1)}}
    whole = book("10000", days, active=4)
    middle = whole.within(type(whole.period)(FIRST + timedelta(days=5), FIRST + timedelta(days=8)))
    assert (middle.opening.minor, middle.active_at_start) == (Decimal(13_000), 5)
    assert (middle.closing.minor, middle.active_at_end) == (Decimal(12_500), 4)
    with pytest.raises(ValueError, match="no part"):
        middle.within(whole.period)


# --- the identity, for anything --------------------------------------------------------------------------------------
AMOUNT = st.decimals(min_value=-(10**9), max_value=10**9, places=18, allow_nan=False)
FLOW = st.builds(Flow, AMOUNT, st.integers(-3, 3), st.integers(1, 5))
DAYS = st.dictionaries(st.integers(0, 29), st.dictionaries(st.sampled_from(KINDS), FLOW, min_size=1), max_size=12)
RATE = st.decimals(min_value="0.0001", max_value=100_000, places=10, allow_nan=False)


@st.composite
def books(draw: st.DrawFn, currency: str) -> Book:
    days = {FIRST + timedelta(days=day): flows for day, flows in draw(DAYS).items()}
    return Book(currency, book("0", {}).period, Money(draw(AMOUNT), currency), 0, Money(0, currency), days)


@st.composite
def all_rates(draw: st.DrawFn) -> Rates:
    every = [FIRST + timedelta(days=day) for day in range(-1, 30, draw(st.integers(1, 5)))]
    return Rates({currency: [(day, draw(RATE)) for day in every] for currency in ("usd", "jpy", "kwd")})


@given(st.tuples(books("usd"), books("eur"), books("jpy"), books("kwd")), all_rates(), st.sampled_from(["eur", "kwd"]))
def test_start_and_movements_make_the_end_exactly(found: tuple[Book, ...], rates: Rates, currency: str) -> None:
    whole = ledger(*found)
    converted = reporting(whole, currency, rates)
    assert converted.statement is not None
    for movements in [*map(statement, found), converted.statement]:
        parts = [movements.start, *movements.amounts.values(), movements.fx]
        assert total(parts, movements.currency) == movements.end
        lines = [part.rounded() for part in parts]
        assert total([*lines, movements.rounding], movements.currency) == movements.end.rounded()
    last = whole.period.last
    assert converted.mrr == total([rates.converted(b.closing, currency, last) for b in found], currency)
    assert converted.closes[-1] == (last, converted.mrr)
    fx = [
        _times(b, eve, rates.rate(b.currency, currency, day), currency)
        - _times(b, eve, rates.rate(b.currency, currency, eve), currency)
        for b in found
        for day in whole.period
        for eve in [day - timedelta(days=1)]
    ]
    assert converted.statement.fx == total(fx, currency)


def _times(found: Book, eve: date, rate: Decimal, currency: str) -> Money:
    """The balance at the close of a day, at a rate."""
    balance = dict(found.balances()).get(eve, found.opening)
    return Money(convert(balance.minor, balance.currency, currency, rate), currency)
