"""All numbers of one currency, or of all of them in the reporting currency: what pages show and explain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from billing.money import Money, total
from billing.rates import MissingRate, Rates

from .churn import Retention, SubscriberChurn, churn_of_30_days, churn_of_month, retention
from .ledger import Book, Ledger
from .periods import TILE_DAYS, Period, last_days, month_of
from .statement import Reporting, Statement, reporting, statement
from .value import arpa, ltv

Value = Money | int | Fraction | None
"""What a number comes to: an amount, people, a ratio; None = "n/a", or not known without a rate."""


@dataclass(frozen=True)
class People:
    """Active subscribers at the close of a period's last day and 30 days before, and those lost since."""

    active: int
    active_30_days_ago: int
    tile: SubscriberChurn
    month: SubscriberChurn


@dataclass(frozen=True)
class Numbers:
    """The numbers of a period. Money is exact and in `currency`; None where `missing` names rates that it needs.

    `currency` is that of the amounts. In the total over all currencies (`whole`) people are counted once.
    """

    currency: str
    whole: bool
    period: Period
    movements: Statement | None
    mrr: Money | None
    mrr_30_days_ago: Money | None
    trial_mrr: Money | None
    closes: tuple[tuple[date, Money], ...]
    people: People
    missing: tuple[MissingRate, ...] = ()

    @property
    def retention(self) -> Retention:
        if self.movements is None:
            return Retention(None, None, None, None, None)
        return retention(self.movements)

    @property
    def arpa(self) -> Money | None:
        return None if self.mrr is None else arpa(self.mrr, self.people.active)

    @property
    def ltv(self) -> Money | None:
        return None if self.mrr is None else ltv(self.mrr, self.people.active, self.people.tile.rate)

    @property
    def change(self) -> Money | None:
        """What MRR is more than 30 days ago."""
        return None if self.mrr is None or self.mrr_30_days_ago is None else self.mrr - self.mrr_30_days_ago

    @property
    def growth(self) -> Fraction | None:
        """The same as a part of MRR 30 days ago; None from nothing."""
        if self.change is None or not self.mrr_30_days_ago:
            return None
        return Fraction(self.change.minor) / Fraction(self.mrr_30_days_ago.minor)


def reach(period: Period, compared: Period | None = None) -> Period:
    """The days that a ledger must have for the numbers of a period, and of the one it is compared with."""
    firsts = [last_days(period.last, TILE_DAYS).first, month_of(period.last).first, period.first]
    if compared is not None:
        firsts += [compared.first, last_days(compared.last, TILE_DAYS).first, month_of(compared.last).first]
    return Period(min(firsts), period.last)


def numbers(ledger: Ledger, currency: str, period: Period) -> Numbers:
    """The numbers of one currency. The ledger must reach as far back as `reach` says."""
    book = ledger.book(currency)
    mine, recent = book.within(period), book.within(last_days(period.last, TILE_DAYS))
    return Numbers(
        currency,
        whole=False,
        period=period,
        movements=statement(mine),
        mrr=mine.closing,
        mrr_30_days_ago=recent.opening,
        trial_mrr=mine.trial_mrr,
        closes=tuple(mine.balances()),
        people=_people(book, period),
    )


def numbers_of_all(ledger: Ledger, currency: str, period: Period, rates: Rates) -> Numbers:
    """The numbers of all currencies in one. `rates` must have the days of the ledger and the one before."""
    mine = reporting(ledger.within(period), currency, rates)
    recent = reporting(ledger.within(last_days(period.last, TILE_DAYS)), currency, rates)
    return Numbers(
        currency,
        whole=True,
        period=period,
        movements=mine.statement,
        mrr=mine.mrr,
        mrr_30_days_ago=recent.statement.start if recent.statement else None,
        trial_mrr=_trials(ledger.within(period), currency, rates),
        closes=mine.closes,
        missing=_distinct(mine, recent),
        people=_people(ledger.people, period),
    )


def _people(book: Book, period: Period) -> People:
    recent = book.within(last_days(period.last, TILE_DAYS))
    month = book.within(month_of(period.last))
    return People(recent.active_at_end, recent.active_at_start, churn_of_30_days(recent), churn_of_month(month))


def _trials(ledger: Ledger, currency: str, rates: Rates) -> Money | None:
    trials = [book.trial_mrr for book in ledger.books if book.trial_mrr]
    try:
        return total([rates.converted(amount, currency, ledger.period.last) for amount in trials], currency)
    except MissingRate:
        return None


def _distinct(*found: Reporting) -> tuple[MissingRate, ...]:
    """The missing rates, each currency once, at its first day."""
    firsts: dict[str, MissingRate] = {}
    for rate in sorted((rate for part in found for rate in part.missing), key=lambda rate: rate.day):
        firsts.setdefault(rate.currency, rate)
    return tuple(firsts.values())
