"""Rates of loss and growth. Fractions of one, exact; None = "n/a", where there is nothing to divide by."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from billing.models import MovementKind
from billing.money import Money

from .ledger import Book
from .statement import CHURNS, DOWN, UP, Statement


@dataclass(frozen=True)
class SubscriberChurn:
    """Customers lost over customers there were; `came` counts only where the formula adds them (0 otherwise)."""

    churned: int
    involuntary: int
    active_at_start: int
    came: int

    @property
    def rate(self) -> Fraction | None:
        return _ratio(self.churned, self.active_at_start + self.came)


@dataclass(frozen=True)
class Retention:
    """What became of the MRR at the start of a period (metrics.md, Rates); effects of rates are left out."""

    gross_churn: Fraction | None
    net_churn: Fraction | None
    nrr: Fraction | None
    grr: Fraction | None
    quick_ratio: Fraction | None


def churn_of_30_days(book: Book) -> SubscriberChurn:
    """Stripe's formula for the 30-day tile: churned ÷ (active before + new within). The book is of those 30 days."""
    return _churn(book, came=book.moves(MovementKind.NEW))


def churn_of_month(book: Book) -> SubscriberChurn:
    """ChartMogul's formula for calendar months: churned ÷ active at the start."""
    return _churn(book, came=0)


def retention(movements: Statement) -> Retention:
    """Gross and net MRR churn, NRR, GRR and the quick ratio of a period."""
    start, lost = _exact(movements.start), -_exact(movements.of(*DOWN))
    expansion, back = (_exact(movements.of(kind)) for kind in (MovementKind.EXPANSION, MovementKind.REACTIVATION))
    return Retention(
        gross_churn=_ratio(lost, start),
        net_churn=_ratio(lost - expansion - back, start),
        nrr=_ratio(start + expansion - lost, start),
        grr=_ratio(start - lost, start),
        quick_ratio=_ratio(_exact(movements.of(*UP)), lost),
    )


def _churn(book: Book, came: int) -> SubscriberChurn:
    return SubscriberChurn(
        churned=book.moves(*CHURNS),
        involuntary=book.moves(MovementKind.INVOLUNTARY_CHURN),
        active_at_start=book.active_at_start,
        came=came,
    )


def _exact(amount: Money) -> Fraction:
    return Fraction(amount.minor)


def _ratio(part: Fraction | int, whole: Fraction | int) -> Fraction | None:
    return Fraction(part) / whole if whole > 0 else None
