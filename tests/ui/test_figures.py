"""Money, counts and percentages as people read them."""

from decimal import Decimal

import pytest

from billing.money import Money
from pqintel.ui import figures
from pqintel.ui.templatetags.figures import count, money, money_figure, percent, svg_percent


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1_250_000, "usd", "$12,500.00"),
        (0, "usd", "$0.00"),
        (-4_900, "usd", "−$49.00"),
        (5_000, "jpy", "¥5,000"),
        (3_500, "kwd", "KWD\N{NO-BREAK SPACE}3.500"),
        (29_000, "eur", "€290.00"),
        (123_456, "rsd", "RSD\N{NO-BREAK SPACE}1,234.56"),
        (Decimal("1666.666666666666666667"), "usd", "$16.67"),
        (Decimal("0.5"), "usd", "$0.00"),
        (Decimal("1.5"), "usd", "$0.02"),
        (-Decimal("0.4"), "usd", "$0.00"),
    ],
)
def test_money_in_its_currencys_own_digits(minor: int | Decimal, currency: str, text: str) -> None:
    assert money(Money(minor, currency)) == text


def test_no_money_is_no_text() -> None:
    assert money(None) == ""


def test_the_fraction_of_a_headline_is_set_apart() -> None:
    assert money_figure(Money(4_831_050, "usd")) == '$48,310<span class="figure-fraction">.50</span>'
    assert money_figure(Money(5_000, "jpy")) == '¥5,000<span class="figure-fraction"></span>'


def test_an_amount_borrows_currency_and_digits() -> None:
    assert figures.money_like(Decimal("12.345"), Money(0, "usd")) == "$12.34"
    assert figures.money_like(Decimal("12.5"), Money(0, "jpy")) == "¥12"
    assert figures.money_like(Decimal(12), Money(0, "kwd")) == "KWD\N{NO-BREAK SPACE}12.000"


def test_axis_labels_are_short() -> None:
    assert [figures.money_compact(Decimal(n), "usd") for n in (0, 950, 9_250, 12_500, 1_500_000, -3_000)] == [
        "$0",
        "$950",
        "$9.25K",
        "$12.5K",
        "$1.5M",
        "−$3K",
    ]


def test_counts_and_percentages() -> None:
    assert [count(n) for n in (0, 999, 1_234_567, None)] == ["0", "999", "1,234,567", ""]
    shares = (Decimal(0), Decimal("0.02"), Decimal("37.25"), Decimal("37.35"), Decimal(100), None)
    assert [percent(share) for share in shares] == ["0.0%", "<0.1%", "37.2%", "37.4%", "100.0%", ""]


def test_the_length_of_a_bar_stays_on_its_ground_and_is_visible() -> None:
    lengths = [svg_percent(Decimal(share)) for share in ("0", "0.01", "49.9", "100", "130", "-5")]
    assert lengths == ["0.00%", "0.50%", "49.90%", "100.00%", "100.00%", "0.00%"]
