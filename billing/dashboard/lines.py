"""The movements of a period as the lines of a statement, each with its bar of the waterfall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from billing.metrics.definitions import DEFINITIONS
from billing.metrics.numbers import Numbers
from billing.metrics.periods import Period
from billing.metrics.statement import KINDS, Statement
from billing.money import Money
from billing.showing import question, signed
from pqintel.ui import figures
from pqintel.ui.waterfall import Bar, Waterfall, waterfall


@dataclass(frozen=True)
class Line:
    """A line of the statement: `slug` "" where there is nothing behind it (rounding); `moves` None where none count.

    `before` is the same line of the period it is compared with, "" without one.
    """

    slug: str
    label: str
    amount: str
    query: str
    bar: Bar
    moves: int | None
    before: str
    total: bool


class _Step(NamedTuple):
    slug: str
    label: str
    amount: Money
    period: Period | None
    moves: int | None
    before: Money | None
    total: bool = False


def statement_lines(key: str, found: Numbers, compared: Numbers | None) -> tuple[tuple[Line, ...], Waterfall | None]:
    """Start, each movement, rates (in the reporting currency), rounding where there is any, end; none without rates.

    Args:
        key: what the lines' addresses name as their currency: its code, or "all".
    """
    if found.movements is None:
        return (), None
    steps = list(_steps(found, found.movements, compared.movements if compared else None))
    amounts = [step.amount.rounded().amount for step in steps]
    drawing = waterfall(amounts, _summary(found.movements), found.currency)
    return tuple(_line(key, step, bar) for step, bar in zip(steps, drawing.bars, strict=True)), drawing


def _steps(found: Numbers, now: Statement, then: Statement | None) -> Iterator[_Step]:
    yield _close("start", found.period.eve_only, now.start, then.start if then else None)
    for kind in KINDS:
        before = then.amounts[kind] if then else None
        yield _Step(str(kind), DEFINITIONS[kind].title, now.amounts[kind], found.period, now.moves[kind], before)
    if found.whole:
        yield _Step("fx", DEFINITIONS["fx"].title, now.fx, found.period, None, then.fx if then else None)
    if now.rounding:
        yield _Step("", "Rounding", now.rounding, None, None, None)
    yield _close("end", found.period.last_only, now.end, then.end if then else None)


def _close(name: str, day: Period, amount: Money, before: Money | None) -> _Step:
    return _Step("mrr", f"MRR at the {name}, {day.first:%-d %b %Y}", amount, day, None, before, total=True)


def _line(key: str, step: _Step, bar: Bar) -> Line:
    say = figures.money if step.total else signed
    return Line(
        step.slug,
        step.label,
        say(step.amount),
        question(key, step.period) if step.period else "",
        bar,
        step.moves,
        "" if step.before is None else say(step.before),
        step.total,
    )


def _summary(movements: Statement) -> str:
    """The waterfall in one sentence."""
    said = f"MRR went from {figures.money(movements.start)} to {figures.money(movements.end)}"
    largest = max(KINDS, key=lambda kind: abs(movements.amounts[kind].amount))
    amount = movements.amounts[largest]
    if not amount:
        return f"{said}: nobody moved it."
    return f"{said}. The largest part was {DEFINITIONS[largest].title.lower()}, {signed(amount)}."
