"""Periods of whole days, and what they are compared with. Pure; days are those of the workspace's time zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

LONGEST: Final = 5 * 366
"""Days: what a chart can still show, and a page can still compute at once."""

TILE_DAYS: Final = 30
"""What the 30-day tiles look back on."""

PRESETS: Final = {
    "30d": "Last 30 days",
    "month": "This month",
    "quarter": "This quarter",
    "year": "This year",
    "custom": "Custom",
}
COMPARISONS: Final = {"previous": "the period before", "year": "the year before", "none": "nothing"}


@dataclass(frozen=True, order=True)
class Period:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("a period ends before it begins")

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(len(self)))

    @property
    def eve(self) -> date:
        """The day before the first: whose close is what the period starts from."""
        return self.first - timedelta(days=1)

    @property
    def in_words(self) -> str:
        """`1 Nov 2026 to 30 Nov 2026`, and of one day `1 Nov 2026`."""
        first, last = f"{self.first:%-d %b %Y}", f"{self.last:%-d %b %Y}"
        return last if first == last else f"{first} to {last}"

    @property
    def eve_only(self) -> Period:
        return Period(self.eve, self.eve)

    @property
    def last_only(self) -> Period:
        return Period(self.last, self.last)

    def before(self) -> Period:
        """As many days, right before this one."""
        return Period(self.first - timedelta(days=len(self)), self.eve)

    def year_before(self) -> Period:
        """The same days of the year before; 29 February becomes the 28th."""
        return Period(_year_before(self.first), _year_before(self.last))


@dataclass(frozen=True)
class Choice:
    """What somebody chose to look at. `error` says why it is not what they asked for; "" when it is."""

    period: Period
    preset: str
    compared: Period | None
    comparison: str
    error: str = ""

    @property
    def query(self) -> str:
        """The choice as a query string without the question mark; "" for what is shown unasked."""
        chosen = {} if self.preset == "30d" else {"range": self.preset}
        if self.preset == "custom":
            chosen |= {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        if self.comparison != "previous":
            chosen["compare"] = self.comparison
        return "&".join(f"{name}={value}" for name, value in chosen.items())


def chosen(params: Mapping[str, str], today: date) -> Choice:
    """The period and comparison of a query string (`range`, `from`, `to`, `compare`).

    Never raises: what makes no sense gives the last 30 days, and says so. A period that is not over ends today.
    """
    preset, error = params.get("range", ""), ""
    if preset not in PRESETS:
        preset = "custom" if "from" in params or "to" in params else "30d"
    period = _preset(preset, today)
    if preset == "custom":
        try:
            period = _custom(params, today)
        except ValueError as problem:
            preset, error = "30d", f"{problem} These are the last 30 days."
    comparison = params.get("compare", "previous")
    if comparison not in COMPARISONS:
        comparison = "previous"
    compared = {"previous": period.before, "year": period.year_before}.get(comparison)
    return Choice(period, preset, compared() if compared else None, comparison, error)


def last_days(today: date, days: int = TILE_DAYS) -> Period:
    """The given number of days up to and with `today`."""
    return Period(today - timedelta(days=days - 1), today)


def month_of(day: date) -> Period:
    """The month of a day, up to and with that day."""
    return Period(day.replace(day=1), day)


def _preset(preset: str, today: date) -> Period:
    match preset:
        case "month":
            return month_of(today)
        case "quarter":
            return Period(today.replace(month=today.month - (today.month - 1) % 3, day=1), today)
        case "year":
            return Period(today.replace(month=1, day=1), today)
    return last_days(today)


def _custom(params: Mapping[str, str], today: date) -> Period:
    last = min(_day(params.get("to", "")) or today, today)
    first = _day(params.get("from", "")) or last_days(last).first
    if first > today:
        raise ValueError("The period has not begun yet.")
    if first > last:
        raise ValueError("The period ends before it begins.")
    if (last - first).days >= LONGEST:
        raise ValueError("A period may be five years long at most.")
    return Period(first, last)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text[:20]}” is not a day; write it like 2026-03-31.") from None
    if day.year < 2000:
        raise ValueError("There is nothing before the year 2000.")
    return day


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)
