"""The geometry of the area chart, and the words that say the same."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.money import Money
from pqintel.ui.charts import area_chart

DOLLARS = Money(0, "usd")


def days(*amounts: str) -> list[tuple[date, Decimal]]:
    return [(date(2026, 1, 1) + timedelta(days=n), Decimal(amount)) for n, amount in enumerate(amounts)]


def test_a_chart_from_zero() -> None:
    chart = area_chart(days("0", "50", "100"), DOLLARS)
    assert chart is not None
    assert chart.ticks == ["$100", "$75", "$50", "$25", "$0"]
    assert chart.grid == ["0", "60", "120", "180", "240"]
    assert chart.line == "M0 240 L500 120 L1000 0"
    assert chart.area == "M0 240 L500 120 L1000 0 L1000 240 L0 240 Z"
    assert [point.value for point in chart.points] == ["$0.00", "$50.00", "$100.00"]
    assert chart.days == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]


def test_values_that_lie_close_together_get_an_axis_of_their_own() -> None:
    chart = area_chart(days("41200", "48158"), DOLLARS)
    assert chart is not None
    assert chart.ticks == ["$55K", "$50K", "$45K", "$40K", "$35K"]


def test_a_small_change_does_not_look_like_a_cliff() -> None:
    chart = area_chart(days("29631", "29511"), DOLLARS)
    assert chart is not None
    assert chart.ticks == ["$30K", "$29K", "$28K", "$27K", "$26K"]
    assert chart.line == "M0 22.1 L1000 29.3"


@pytest.mark.parametrize(
    ("amounts", "summary"),
    [
        (("100", "150"), "MRR rose by 50.0% in 1 day, from $100.00 on 1 Jan 2026 to $150.00 on 2 Jan 2026."),
        (("100", "1", "75"), "MRR fell by 25.0% in 2 days, from $100.00 on 1 Jan 2026 to $75.00 on 3 Jan 2026."),
        (("0", "75"), "MRR rose in 1 day, from $0.00 on 1 Jan 2026 to $75.00 on 2 Jan 2026."),
        (("75", "75"), "MRR is unchanged in 1 day, from $75.00 on 1 Jan 2026 to $75.00 on 2 Jan 2026."),
    ],
)
def test_the_summary_says_what_the_chart_shows(amounts: tuple[str, ...], summary: str) -> None:
    chart = area_chart(days(*amounts), DOLLARS)
    assert chart is not None
    assert chart.summary == summary


@pytest.mark.parametrize("amounts", [(), ("5",)])
def test_less_than_two_days_are_no_chart(amounts: tuple[str, ...]) -> None:
    assert area_chart(days(*amounts), DOLLARS) is None


@pytest.mark.parametrize("amounts", [("0", "0"), ("7", "7"), ("0.01", "0.02"), ("999999999", "1"), ("-3", "0.9")])
def test_every_point_lies_on_the_drawing(amounts: tuple[str, ...]) -> None:
    chart = area_chart(days(*amounts), DOLLARS)
    assert chart is not None
    assert [point for point in chart.points if not 0 <= Decimal(point.y) <= 240] == []
    assert len(set(chart.ticks)) == len(chart.ticks) == 5
