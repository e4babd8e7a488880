"""Which days somebody asked for, and what they are compared with."""

from __future__ import annotations

from datetime import date

import pytest

from billing.metrics.periods import Period, chosen, last_days, month_of

TODAY = date(2026, 5, 20)


def days(period: Period | None) -> tuple[str, str] | None:
    return period and (period.first.isoformat(), period.last.isoformat())


@pytest.mark.parametrize(
    ("query", "period", "compared"),
    [
        ({}, ("2026-04-21", "2026-05-20"), ("2026-03-22", "2026-04-20")),
        ({"range": "month"}, ("2026-05-01", "2026-05-20"), ("2026-04-11", "2026-04-30")),
        ({"range": "quarter"}, ("2026-04-01", "2026-05-20"), ("2026-02-10", "2026-03-31")),
        ({"range": "year", "compare": "year"}, ("2026-01-01", "2026-05-20"), ("2025-01-01", "2025-05-20")),
        ({"range": "month", "compare": "none"}, ("2026-05-01", "2026-05-20"), None),
        ({"from": "2026-01-05", "to": "2026-01-06"}, ("2026-01-05", "2026-01-06"), ("2026-01-03", "2026-01-04")),
        ({"from": "2026-05-18", "to": "2027-01-01"}, ("2026-05-18", "2026-05-20"), ("2026-05-15", "2026-05-17")),
        ({"to": "2026-03-31"}, ("2026-03-02", "2026-03-31"), ("2026-01-31", "2026-03-01")),
        ({"range": "nonsense", "compare": "nonsense"}, ("2026-04-21", "2026-05-20"), ("2026-03-22", "2026-04-20")),
    ],
)
def test_choices(query: dict[str, str], period: tuple[str, str], compared: tuple[str, str] | None) -> None:
    choice = chosen(query, TODAY)
    assert (days(choice.period), days(choice.compared), choice.error) == (period, compared, "")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"from": "yesterday"}, "“yesterday” is not a day"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "ends before it begins"),
        ({"from": "2026-05-21"}, "has not begun"),
        ({"from": "2020-01-01"}, "five years"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "before the year 2000"),
        ({"to": "0001-01-01"}, "before the year 2000"),
    ],
)
def test_what_makes_no_sense_is_said_and_gives_30_days(query: dict[str, str], error: str) -> None:
    choice = chosen({"range": "custom", **query}, TODAY)
    assert error in choice.error
    assert (choice.period, choice.preset) == (last_days(TODAY), "30d")


def test_a_leap_day_a_year_before() -> None:
    assert Period(date(2028, 2, 29), date(2028, 2, 29)).year_before() == Period(date(2027, 2, 28), date(2027, 2, 28))


def test_the_choice_as_a_query_leads_back_to_it() -> None:
    for query in ({}, {"range": "year"}, {"from": "2026-01-05", "to": "2026-01-06", "compare": "none"}):
        choice = chosen(query, TODAY)
        again = dict(part.split("=") for part in choice.query.split("&") if part)
        assert chosen(again, TODAY) == choice


def test_a_period_is_its_days() -> None:
    period = Period(date(2026, 2, 27), date(2026, 3, 1))
    assert [str(day) for day in period] == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert (len(period), str(period.eve)) == (3, "2026-02-26")
    assert month_of(TODAY) == Period(date(2026, 5, 1), TODAY)
    with pytest.raises(ValueError, match="ends before it begins"):
        Period(TODAY, date(2026, 5, 19))


def test_one_day_is_told_as_one_day() -> None:
    assert Period(TODAY, TODAY).in_words == "20 May 2026"
    assert Period(date(2026, 5, 1), TODAY).in_words == "1 May 2026 to 20 May 2026"
