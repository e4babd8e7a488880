"""The cohort retention table, put together for its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing.metrics.cohorts import Cohort, Kept, cohorts
from billing.metrics.ledger import ledger
from billing.metrics.periods import Period, month_of
from billing.modes import Mode
from billing.showing import question
from pqintel.ui import figures
from pqintel.workspaces.models import Workspace


@dataclass(frozen=True)
class Cell:
    """What is left in a month, as text; `heat` 0–10 is how much of it, for the ground of the cell."""

    text: str
    exact: str
    heat: int


@dataclass(frozen=True)
class CohortLine:
    """One cohort; `query` leads to the customers in it."""

    month: date
    customers: int
    mrr: str
    query: str
    by_customers: tuple[Cell, ...]
    by_mrr: tuple[Cell, ...]


@dataclass(frozen=True)
class CohortsPage:
    """One currency's cohorts, the newest first; `summary` says what they show in a sentence."""

    currency: str
    currencies: tuple[str, ...]
    columns: tuple[int, ...]
    lines: tuple[CohortLine, ...]
    summary: str


def cohorts_page(workspace: Workspace, mode: Mode, params: Mapping[str, str], now: datetime) -> CohortsPage:
    """The cohorts of the last twelve months in one of the workspace's currencies, the one with the largest MRR unasked.

    Must run in scope.
    """
    today = now.astimezone(ZoneInfo(workspace.timezone)).date()
    currencies = tuple(book.currency for book in ledger(workspace.pk, mode, Period(today, today)).books)
    asked = params.get("currency", "").lower()
    currency = asked if asked in currencies else currencies[0] if currencies else ""
    found = cohorts(workspace.pk, mode, currency, today) if currency else ()
    return CohortsPage(
        currency,
        currencies,
        columns=tuple(range(max((len(cohort.kept) for cohort in found), default=0))),
        lines=tuple(_line(cohort, today) for cohort in reversed(found)),
        summary=_summary(found),
    )


def _line(cohort: Cohort, today: date) -> CohortLine:
    last = min(today, _last_day(cohort.month))
    return CohortLine(
        cohort.month,
        cohort.customers,
        figures.money(cohort.mrr),
        question(cohort.mrr.currency, Period(cohort.month, last)),
        tuple(_cell(kept.of_customers, figures.count(kept.customers)) for kept in cohort.kept),
        tuple(_cell(kept.of_mrr, figures.money(kept.mrr)) for kept in cohort.kept),
    )


def _cell(part: Fraction | None, exact: str) -> Cell:
    if part is None:
        return Cell("n/a", exact, 0)
    return Cell(f"{round(part * 100)}%", exact, min(10, max(0, int(part * 10))))


def _summary(found: Sequence[Cohort]) -> str:
    """How much of all the cohorts that are old enough was left after a month and after three."""
    said = []
    for after, words in ((1, "one month"), (3, "three months")):
        old = [cohort for cohort in found if len(cohort.kept) > after + 1]  # the present month is not over yet
        began = sum(cohort.customers for cohort in old)
        if began:
            left = sum(_kept(cohort, after).customers for cohort in old)
            said.append(f"{figures.ratio(Fraction(left, began))} after {words}")
    if not said:
        return "The cohorts are younger than a month."
    return f"Of the customers who began in the last year, {' and '.join(said)} were still paying."


def _kept(cohort: Cohort, after: int) -> Kept:
    return cohort.kept[after]


def _last_day(month: date) -> date:
    later = month_of(date(month.year + month.month // 12, month.month % 12 + 1, 1)).first
    return Period(later, later).eve
