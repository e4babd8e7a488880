"""Every number explains itself: its definition, its formula with the figures put in, the rows that sum to it (P18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from billing.access.mapped import tiers_of_prices
from billing.metrics.definitions import DEFINITIONS, FAILURES, MOVEMENTS, Definition, Span
from billing.metrics.ledger import EVERYBODY, Ledger, ledger
from billing.metrics.numbers import Numbers, Value, numbers, numbers_of_all, reach
from billing.metrics.periods import TILE_DAYS, Period, last_days, month_of
from billing.metrics.recovery import recovery, recovery_by_month
from billing.metrics.scheduled import scheduled_churn
from billing.metrics.statement import CHURNS, DOWN, KINDS
from billing.models import MovementKind
from billing.modes import Mode
from billing.money import Money, total
from billing.rates import MissingRate, Rates, rates_between

from . import balances, conversions, moves
from .failed import failed
from .leaving import leaving
from .rows import Converted, Failed, Part, Row, Rows

__all__ = ["Converted", "Explanation", "Failed", "Operand", "Part", "Question", "Row", "Rows", "explain"]

_KINDS_OF: Final[Mapping[str, tuple[MovementKind, ...]]] = {
    **{slug: (MovementKind(slug),) for slug in MOVEMENTS},
    "net_new": KINDS,
    "churned": CHURNS,
    "came": (MovementKind.NEW,),
    "subscriber_churn": CHURNS,
    "calendar_churn": CHURNS,
    "gross_churn": DOWN,
    "net_churn": tuple(kind for kind in KINDS if kind is not MovementKind.NEW),
    "nrr": tuple(kind for kind in KINDS if kind not in (MovementKind.NEW, MovementKind.REACTIVATION)),
    "grr": DOWN,
    "quick_ratio": KINDS,
}
_NAMES: Final = {
    "mrr": {Span.PERIOD: "MRR at the start"},
    "active": {Span.TILE: "active subscribers before", Span.MONTH: "active subscribers at the start"},
    "churned": {Span.TILE: "churned subscribers", Span.MONTH: "churned subscribers"},
    "came": {Span.TILE: "new subscribers"},
}
"""What a number is called in the formula of another, where that differs from its own title."""


@dataclass(frozen=True)
class Question:
    """Which number is to be explained. `currency` "" = all: amounts in the reporting currency, people counted once.

    `price` narrows MRR to one plan, `tier` (its key) to the prices that give it now.
    """

    metric: str
    currency: str
    period: Period
    price: str = ""
    page: int = 1
    tier: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether only a part of the number is asked for, which is the sum of its rows."""
        return bool(self.price or self.tier)


@dataclass(frozen=True)
class Operand:
    """A number in the formula of another, as the formula names it; losses as what they come to, without their sign."""

    name: str
    value: Value
    definition: Definition
    period: Period


@dataclass(frozen=True)
class Explanation:
    """`value` is the sum of `rows` where there is no formula. `missing` are rates without which it is not known."""

    definition: Definition
    question: Question
    period: Period
    currency: str
    value: Value
    operands: tuple[Operand, ...]
    rows: Rows
    missing: tuple[MissingRate, ...] = ()


@dataclass(frozen=True)
class _Source:
    """Where everything is read from: of one workspace and mode."""

    workspace_id: int
    mode: Mode
    zone: ZoneInfo
    now: datetime
    ledger: Ledger
    rates: Rates
    reporting: str

    def numbers(self, currency: str, period: Period) -> Numbers:
        if currency == EVERYBODY:
            return numbers_of_all(self.ledger, self.reporting, period, self.rates)
        return numbers(self.ledger, currency, period)


def explain(
    workspace_id: int, mode: Mode, question: Question, zone: ZoneInfo, now: datetime, reporting: str
) -> Explanation:
    """Explain a number. About ten queries, of which the rows' grow with the data. Must run in scope.

    Args:
        zone: the workspace's, in which days begin.
        now: aware; what is scheduled is as of then.
        reporting: currency (lower case) in which all currencies are summed up.

    Raises:
        KeyError: there is no such metric.
    """
    definition = DEFINITIONS[question.metric]
    read = ledger(workspace_id, mode, reach(_whole(definition, question.period)))
    wanted = {book.currency for book in read.books} | {reporting} if question.currency == EVERYBODY else set()
    rates = rates_between(wanted, read.period.eve, read.period.last)
    source = _Source(workspace_id, mode, zone, now, read, rates, reporting)
    period = _spoken_of(definition, question.period)
    found = source.numbers(question.currency, question.period)
    missing: tuple[MissingRate, ...] = ()
    try:
        rows = _rows(source, definition, question, period)
        value = _value(source, found, question)
        missing = found.missing if value is None else ()
    except MissingRate as error:
        rows, value, missing = Rows(), None, (error,)
    operands = tuple(_operand(source, found, definition, question, slug) for slug in definition.made_of)
    shown = question.currency or reporting
    return Explanation(definition, question, period, shown, value, operands, rows, missing)


def _whole(definition: Definition, period: Period) -> Period:
    """The days that are needed: a formula may also speak of the close before the first."""
    return Period(period.eve, period.last) if definition.span is Span.PERIOD else period


def _spoken_of(definition: Definition, period: Period) -> Period:
    """The days that a number is about, of those that somebody looks at."""
    match definition.span:
        case Span.TILE:
            return last_days(period.last, TILE_DAYS)
        case Span.MONTH:
            return month_of(period.last)
        case Span.CLOSE | Span.NOW:
            return Period(period.last, period.last)
    return period


def _value(source: _Source, found: Numbers, question: Question) -> Value:
    slug, movements = question.metric, found.movements
    if slug in FAILURES:
        return _failures(source, question)
    if slug == "scheduled_churn":
        return _scheduled(source, question.currency)
    if slug == "mrr" and question.narrowed:
        return None  # the sum of its rows
    if slug in MOVEMENTS:
        return movements.amounts[MovementKind(slug)] if movements else None
    if slug in ("net_new", "fx"):
        return getattr(movements, slug) if movements else None
    if slug in ("gross_churn", "net_churn", "nrr", "grr", "quick_ratio"):
        value: Value = getattr(found.retention, slug)
        return value
    book = source.ledger.book(question.currency).within(question.period)
    simple: dict[str, Value] = {
        "mrr": found.mrr,
        "trial_mrr": found.trial_mrr,
        "active": found.people.active,
        "arpa": found.arpa,
        "ltv": found.ltv,
        "subscriber_churn": found.people.tile.rate,
        "calendar_churn": found.people.month.rate,
        "churned": book.moves(*CHURNS),
        "came": book.moves(MovementKind.NEW),
    }
    return simple[slug]


def _failures(source: _Source, question: Question) -> Value:
    """Failed payments are told per currency; all of them in one would need a rate for each failure."""
    if question.currency == EVERYBODY:
        return None
    months = recovery_by_month(source.workspace_id, source.mode, question.period, source.zone)
    found = recovery(months.get(question.currency, []), question.currency)
    value: Value = found.rate if question.metric == "recovery_rate" else getattr(found, question.metric)
    return value


def _scheduled(source: _Source, currency: str) -> Money:
    found = scheduled_churn(source.workspace_id, source.mode, source.now, source.zone)
    if currency != EVERYBODY:
        return found[currency].amount if currency in found else Money(0, currency)
    today = source.ledger.period.last
    amounts = [source.rates.converted(part.amount, source.reporting, today) for part in found.values()]
    return total(amounts, source.reporting)


def _rows(source: _Source, definition: Definition, question: Question, period: Period) -> Rows:
    slug, currency, page = question.metric, question.currency, question.page
    people = definition.slug in ("active", "churned", "came", "subscriber_churn", "calendar_churn")
    if slug in FAILURES:
        if currency == EVERYBODY:
            return Rows()
        at_zone = (period, source.zone, FAILURES[slug])
        return failed(source.workspace_id, source.mode, currency, *at_zone, page)
    if currency == EVERYBODY and not people:
        return conversions.paged(_converted(source, slug, period), page)
    at = (source.workspace_id, source.mode, currency)
    if slug == "scheduled_churn":
        return leaving(*at, source.now, source.zone, page)
    if kinds := _KINDS_OF.get(slug):
        return moves.moved(*at, kinds, period, source.zone, page)
    if slug == "fx":
        return Rows(amount=Money(0, currency))
    trial, day = slug == "trial_mrr", period.last
    return balances.standing(*at, day, source.zone, trial=trial, prices=_prices(source, question), page=page)


def _prices(source: _Source, question: Question) -> list[str] | None:
    """The prices that a question is narrowed to, of a tier those that give it now; None = all."""
    if question.price or not question.tier:
        return [question.price] if question.price else None
    sold = {price.price for price in source.ledger.book(question.currency).prices}
    tiers = tiers_of_prices(source.workspace_id, source.mode, sold)
    return [price for price, tier in tiers.items() if tier.key == question.tier]


def _converted(source: _Source, slug: str, period: Period) -> Rows:
    mine, currency, rates = source.ledger.within(period), source.reporting, source.rates
    if slug == "fx":
        return conversions.fx(mine, currency, rates)
    if kinds := _KINDS_OF.get(slug):
        return conversions.moved(mine, currency, kinds, rates)
    if slug == "scheduled_churn":
        found = scheduled_churn(source.workspace_id, source.mode, source.now, source.zone)
        return conversions.of_day([part.amount for part in found.values()], currency, period.last, rates)
    return conversions.at_close(mine, currency, rates, trial=slug == "trial_mrr")


def _operand(source: _Source, found: Numbers, definition: Definition, question: Question, slug: str) -> Operand:
    """One of the numbers in a formula, with the period that it is of there."""
    part = DEFINITIONS[slug]
    period = _spoken_of(definition, question.period)
    name = _NAMES.get(slug, {}).get(definition.span, part.title if part.unit.value == "money" else part.title.lower())
    if slug in MOVEMENTS or slug in FAILURES:
        name = part.title.lower()
    if slug in ("mrr", "active") and definition.span is not Span.CLOSE:
        period = Period(period.eve, period.eve)
    if slug == "subscriber_churn":
        name = "subscriber churn of 30 days"
    return Operand(name, _part_value(source, found, definition, question, slug), part, period)


def _part_value(source: _Source, found: Numbers, definition: Definition, question: Question, slug: str) -> Value:
    churn = found.people.month if definition.span is Span.MONTH else found.people.tile
    people: dict[str, int] = {"churned": churn.churned, "came": churn.came}
    if slug in people:
        return people[slug]
    if slug == "active":
        return found.people.active if definition.span is Span.CLOSE else churn.active_at_start
    if slug == "mrr" and definition.span is Span.PERIOD:
        return found.movements.start if found.movements else None
    if slug in MOVEMENTS:
        amount = found.movements.amounts[MovementKind(slug)] if found.movements else None
        return -amount if amount is not None and MovementKind(slug) in DOWN else amount
    return _value(source, found, Question(slug, question.currency, question.period))
