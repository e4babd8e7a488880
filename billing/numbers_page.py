"""The page behind a number, put together for its template: words, figures, rows and where they lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.actions.access.proposals import tiers_of
from billing.actions.settings import settings_of
from billing.estimated import estimated_before
from billing.feed import feed_status
from billing.metrics.cohorts import month_before
from billing.metrics.definitions import DEFINITIONS, FAILURES, Definition, Span
from billing.metrics.explain import Converted, Explanation, Failed, Part, Question, Row, explain
from billing.metrics.ledger import EVERYBODY, ledger
from billing.metrics.periods import Period, chosen
from billing.metrics.recovery import Recovery, recovery, recovery_by_month
from billing.modes import Mode
from billing.money import Money
from billing.names import PlanName, customer_labels, plan_names
from billing.showing import question, shown, signed
from pqintel.ui import figures
from pqintel.workspaces.models import Workspace

ALL = "all"


@dataclass(frozen=True)
class OperandLine:
    """A number of the formula, and the address of its own page."""

    name: str
    text: str
    slug: str
    query: str


@dataclass(frozen=True)
class PartLine:
    """An item of a subscription in words; `estimated`: no event says so."""

    part: Part
    plan: PlanName
    amount: str

    @property
    def estimated(self) -> bool:
        return self.part.event_id is None


@dataclass(frozen=True)
class RowLine:
    """One customer. `amount` "" where people are counted."""

    customer: str
    label: str
    day: date | None
    amount: str
    parts: tuple[PartLine, ...]


@dataclass(frozen=True)
class ConvertedLine:
    """One currency's part of a sum in the reporting currency; `query` leads to what it is made of."""

    row: Converted
    native: str
    amount: str
    rate: str
    query: str


@dataclass(frozen=True)
class FailedLine:
    """An invoice that failed, in words."""

    row: Failed
    label: str
    outcome: str


@dataclass(frozen=True)
class CurrencyLine:
    """The number in one currency, and the address of its own page."""

    currency: str
    text: str
    query: str


@dataclass(frozen=True)
class NumberPage:
    """`formula` is the definition's with the figures put in, "" where the number is a plain sum of its rows.

    `part` names the plan or tier that the number is narrowed to. `by_currency`: what cannot be told of all currencies
    in one, in each of them; None where the number is one.
    """

    definition: Definition
    explanation: Explanation
    title: str
    text: str
    key: str
    currency: str
    part: str
    formula: str
    operands: tuple[OperandLine, ...]
    rows: tuple[RowLine, ...]
    converted: tuple[ConvertedLine, ...]
    failed: tuple[FailedLine, ...]
    by_currency: tuple[CurrencyLine, ...] | None
    months: tuple[Recovery, ...]
    total: str
    missing: tuple[str, ...]
    error: str
    estimated_before: date | None
    next_query: str
    previous_query: str


def number_page(
    workspace: Workspace, mode: Mode, metric: str, params: Mapping[str, str], now: datetime
) -> NumberPage | None:
    """The page of a metric for what a query string asks (`currency`, `from`, `to`, `price`, `tier`, `page`).

    What makes no sense is shown as all currencies, the last 30 days, the first page. None: there is no such metric.
    Must run in scope.
    """
    if metric not in DEFINITIONS:
        return None
    zone = ZoneInfo(workspace.timezone)
    choice = chosen(params, now.astimezone(zone).date())
    key = params.get("currency", ALL).lower()
    if key != ALL and not (len(key) == 3 and key.isascii() and key.isalpha()):
        key = ALL
    page = params.get("page", "1")
    parts = metric == "mrr" and key != ALL
    asked = Question(
        metric,
        EVERYBODY if key == ALL else key,
        choice.period,
        price=params.get("price", "").replace("\0", "") if parts else "",
        tier=params.get("tier", "").replace("\0", "") if parts else "",
        page=int(page) if page.isdecimal() and len(page) <= 6 and int(page) else 1,
    )
    reporting = settings_of(workspace.pk).reporting_currency or _largest(workspace, mode, choice.period.last)
    found = explain(workspace.pk, mode, asked, zone, now, reporting)
    return _page(workspace, mode, found, key, choice.error)


def _largest(workspace: Workspace, mode: Mode, day: date) -> str:
    """The currency with the largest MRR; the dollar where there is none."""
    books = ledger(workspace.pk, mode, chosen({}, day).period).books
    return books[0].currency if books else "usd"


def _page(workspace: Workspace, mode: Mode, found: Explanation, key: str, error: str) -> NumberPage:
    asked, rows, definition = found.question, found.rows, found.definition
    prices = {part.price for row in rows.rows for part in row.parts} | ({asked.price} if asked.price else set())
    plans = plan_names(workspace.pk, mode, prices)
    labels = customer_labels(
        workspace.pk, mode, [*(row.customer for row in rows.rows), *(row.customer for row in rows.failed)]
    )
    changes = definition.span is Span.PERIOD and definition.slug not in FAILURES
    value = rows.amount if asked.narrowed else found.value
    text = signed(value) if changes and isinstance(value, Money) else shown(value, definition.unit)
    by_currency = _by_currency(workspace, mode, found) if definition.slug in FAILURES and key == ALL else None
    if by_currency is not None:
        text = ", ".join(f"{line.text} in {line.currency.upper()}" for line in by_currency) or "None"
    operands = tuple(
        OperandLine(
            operand.name, shown(operand.value, operand.definition.unit), operand.definition.slug,
            question(key, operand.period),
        )
        for operand in found.operands
    )  # fmt: skip
    return NumberPage(
        definition=definition,
        explanation=found,
        title=definition.title,
        text=text,
        key=key,
        currency=found.currency,
        part=_part_name(workspace.pk, asked, plans),
        formula=_figured(definition.formula, operands),
        operands=operands,
        rows=tuple(_row(row, labels, plans, found.currency) for row in rows.rows),
        converted=tuple(_converted(row) for row in rows.converted),
        failed=tuple(
            FailedLine(row, labels.get(row.customer, row.customer), DEFINITIONS[row.outcome].title)
            for row in rows.failed
        ),
        by_currency=by_currency,
        months=_months(workspace, mode, found) if definition.slug == "recovery_rate" else (),
        total="" if rows.amount is None else figures.money(rows.amount),
        missing=tuple(f"{rate.currency.upper()} on {rate.day:%-d %B %Y}" for rate in found.missing),
        error=error,
        estimated_before=estimated_before(
            workspace.pk,
            mode,
            feed_status(workspace.pk, mode).connected_at,
            ZoneInfo(workspace.timezone),
            found.period.first,
        ),
        next_query=_beside(asked, key, 1) if asked.page < rows.pages else "",
        previous_query=_beside(asked, key, -1) if asked.page > 1 else "",
    )


def _part_name(workspace_id: int, asked: Question, plans: Mapping[str, PlanName]) -> str:
    """What part of the number is shown, in words: one plan, or a tier by its name; "" = all of it."""
    if asked.price:
        return str(plans[asked.price])
    if not asked.tier:
        return ""
    tier = tiers_of(workspace_id).get(asked.tier)
    return f"the {tier.name if tier else asked.tier} tier"


def _months(workspace: Workspace, mode: Mode, found: Explanation) -> tuple[Recovery, ...]:
    """The recovery of the last twelve months, by month of failure."""
    last = found.period.last
    year = Period(month_before(last, 11), last)
    by_currency = recovery_by_month(workspace.pk, mode, year, ZoneInfo(workspace.timezone))
    return tuple(by_currency.get(found.question.currency, ()))


def _by_currency(workspace: Workspace, mode: Mode, found: Explanation) -> tuple[CurrencyLine, ...]:
    """A number of failed payments in each currency: in one, each failure would need the rate of its own day."""
    asked, slug = found.question, found.definition.slug
    by_month = recovery_by_month(workspace.pk, mode, asked.period, ZoneInfo(workspace.timezone))
    lines = []
    for currency, months in sorted(by_month.items()):
        sums = recovery(months, currency)
        value = sums.rate if slug == "recovery_rate" else getattr(sums, slug)
        lines.append(CurrencyLine(currency, shown(value, found.definition.unit), question(currency, asked.period)))
    return tuple(lines)


def _row(row: Row, labels: Mapping[str, str], plans: Mapping[str, PlanName], currency: str) -> RowLine:
    say = signed if row.day is not None else figures.money
    return RowLine(
        row.customer,
        labels.get(row.customer, row.customer),
        row.day,
        "" if row.amount is None else say(row.amount),
        tuple(PartLine(part, plans[part.price], say(part.amount)) for part in row.parts),
    )


def _converted(row: Converted) -> ConvertedLine:
    rate = f"{row.rate:.6f}"
    if row.rate_before is not None:
        rate = f"{row.rate_before:.6f} → {rate}"
    day = chosen({"from": row.day.isoformat(), "to": row.day.isoformat()}, row.day).period
    return ConvertedLine(row, figures.money(row.native), signed(row.amount), rate, question(row.currency, day))


def _figured(formula: str, operands: tuple[OperandLine, ...]) -> str:
    """The formula with the figures in the place of their names, the longest names first."""
    for operand in sorted(operands, key=lambda one: -len(one.name)):
        formula = formula.replace(operand.name, operand.text)
    return formula


def _beside(asked: Question, key: str, step: int) -> str:
    return question(key, asked.period, asked.price, asked.page + step, asked.tier)
