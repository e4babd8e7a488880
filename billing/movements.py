"""What each day did to a customer's MRR: the pure part of the movements. Rules: docs/metrics.md, Movements.

A day is judged by its close: what rose and fell again within it is no movement. Amounts are computed as whole numbers
of 10⁻¹⁸ minor units, because decimals of that size would be rounded by Python's default context.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from .models import OPEN_END, MovementKind

PLACES: Final = 18
NEGLIGIBLE: Final = 10**9
"""Below 10⁻⁹ minor units a change is the rounding of a third that is now written as two sixths, not a movement. It
goes along with the customer's next one, so that what is left of them in the end is nothing at all.
"""
_EXACT: Final = Context(prec=80)


class Worth(NamedTuple):
    """A span as far as movements need it; see `models.MrrSpan`. `monthly` in 10⁻¹⁸ minor units."""

    subscription: str
    currency: str
    price: str
    monthly: int
    trial: bool
    involuntary: bool
    starts: int
    ends: int


class Key(NamedTuple):
    """Which row of a customer's: see `models.Movement` for the three sorts of rows."""

    currency: str
    price: str
    day: date


class Line(NamedTuple):
    """What a row says: kind, signed change of MRR and of trial MRR (10⁻¹⁸ minor units), change of subscribers."""

    kind: str
    amount: int
    trial: int
    subscribers: int


@dataclass(slots=True)
class _Day:
    """What one day did within one group: MRR, trial MRR."""

    amount: int = 0
    trial: int = 0


def exact(monthly: Decimal) -> int:
    """A decimal of minor units in whole 10⁻¹⁸ minor units."""
    return int(_EXACT.scaleb(monthly, PLACES))


def written(amount: int) -> str:
    """The inverse, as text for SQL."""
    return f"{_EXACT.scaleb(Decimal(amount), -PLACES):f}"


@lru_cache(maxsize=65_536)
def day_of(second: int, zone: tzinfo) -> date:
    """The day of a unix second in a time zone."""
    return datetime.fromtimestamp(second, zone).date()


def movements(spans: Iterable[Worth], zone: tzinfo) -> dict[Key, Line]:
    """All movement rows of one customer, from all of their spans.

    Args:
        spans: in any order.
        zone: the workspace's time zone, in which days begin.
    """
    spans = list(spans)
    rows: dict[Key, Line] = {}
    _by_price(spans, zone, rows)
    paying: dict[date, dict[str, bool]] = {}
    involuntary: dict[date, list[bool]] = {}
    for currency in sorted({span.currency for span in spans if not span.trial}):
        mine = [span for span in spans if span.currency == currency and not span.trial]
        for day, line in _of_currency(mine, zone):
            rows[Key(currency, "", day)] = line
            if line.subscribers:
                paying.setdefault(day, {})[currency] = line.subscribers > 0
                if line.subscribers < 0:
                    involuntary.setdefault(day, []).append(line.kind == MovementKind.INVOLUNTARY_CHURN)
    _everywhere(paying, involuntary, rows)
    return rows


def _by_price(spans: Iterable[Worth], zone: tzinfo, rows: dict[Key, Line]) -> None:
    groups: dict[tuple[str, str], dict[date, _Day]] = {}
    for span in spans:
        days = groups.setdefault((span.currency, span.price), {})
        for second, sign in ((span.starts, 1), (span.ends, -1)):
            if second < OPEN_END:
                moved = days.setdefault(day_of(second, zone), _Day())
                if span.trial:
                    moved.trial += sign * span.monthly
                else:
                    moved.amount += sign * span.monthly
    for (currency, price), days in groups.items():
        balance = 0
        for day, moved in sorted(days.items()):
            before, balance = balance, balance + moved.amount
            line = Line(MovementKind.PLAN, moved.amount, moved.trial, (balance > 0) - (before > 0))
            if line.amount or line.trial or line.subscribers:
                rows[Key(currency, price, day)] = line


def _of_currency(spans: Iterable[Worth], zone: tzinfo) -> Iterator[tuple[date, Line]]:
    """The movements of one customer in one currency, in order of the days."""
    days: dict[date, dict[str, int]] = {}
    last: dict[tuple[date, str], tuple[int, bool]] = {}
    for span in spans:
        for second, sign in ((span.starts, 1), (span.ends, -1)):
            if second < OPEN_END:
                day = day_of(second, zone)
                moved = days.setdefault(day, {})
                moved[span.subscription] = moved.get(span.subscription, 0) + sign * span.monthly
                if sign < 0:
                    ending = (second, span.involuntary)
                    last[day, span.subscription] = max(last.get((day, span.subscription), ending), ending)
    standing: dict[str, int] = {}
    balance, carried, ever = 0, 0, False
    for day, moved in sorted(days.items()):
        change = carried + sum(moved.values())
        lost = []
        for subscription, amount in moved.items():
            before = standing.get(subscription, 0)
            standing[subscription] = before + amount
            if before and not standing[subscription]:
                lost.append(last[day, subscription][1])
        if abs(change) < NEGLIGIBLE:
            carried = change
            continue
        kind = _kind(balance, change, ever=ever, failed=all(lost))
        yield day, Line(kind, change, 0, (balance + change > 0) - (balance > 0))
        balance, carried = balance + change, 0
        ever = ever or balance > 0


def _kind(balance: int, change: int, *, ever: bool, failed: bool) -> MovementKind:
    if not balance:
        return MovementKind.REACTIVATION if ever else MovementKind.NEW
    if not balance + change:
        return MovementKind.INVOLUNTARY_CHURN if failed else MovementKind.CHURN
    return MovementKind.EXPANSION if change > 0 else MovementKind.CONTRACTION


def _everywhere(
    paying: dict[date, dict[str, bool]], involuntary: dict[date, list[bool]], rows: dict[Key, Line]
) -> None:
    """The customer counted once over all currencies: only where it begins or ceases to pay in any."""
    held: set[str] = set()
    ever = False
    for day, currencies in sorted(paying.items()):
        before = bool(held)
        held |= {currency for currency, pays in currencies.items() if pays}
        held -= {currency for currency, pays in currencies.items() if not pays}
        if bool(held) == before:
            continue
        kind = _kind(int(before), -1 if before else 1, ever=ever, failed=all(involuntary.get(day, [])))
        rows[Key("", "", day)] = Line(kind, 0, 0, -1 if before else 1)
        ever = True
