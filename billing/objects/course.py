"""The course of one customer's MRR, day by day, from their spans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.metrics.mrr import day_end
from billing.models import MrrSpan
from billing.money import Money

DAYS: Final = 365
"""The longest course that is drawn."""


def course(spans: Iterable[MrrSpan], zone: ZoneInfo, now: datetime) -> dict[str, list[tuple[date, Decimal]]]:
    """MRR at the end of each day up to today, per currency, in major units; trials left out.

    It begins with the first day that has MRR, at most `DAYS` ago. Days end at midnight of `zone`; today is as of `now`.
    """
    today = now.astimezone(zone).date()
    by_currency: dict[str, list[MrrSpan]] = {}
    for span in spans:
        if not span.trial and span.starts <= now.timestamp():
            by_currency.setdefault(span.currency, []).append(span)
    return {currency: _days(currency, some, zone, today, now) for currency, some in sorted(by_currency.items())}


def _days(
    currency: str, spans: list[MrrSpan], zone: ZoneInfo, today: date, now: datetime
) -> list[tuple[date, Decimal]]:
    first = datetime.fromtimestamp(min(span.starts for span in spans), UTC).astimezone(zone).date()
    days = min((today - first).days, DAYS - 1)
    moves = sorted(
        [(span.starts, Money(span.monthly, currency)) for span in spans]
        + [(span.ends, -Money(span.monthly, currency)) for span in spans],
        key=lambda move: move[0],
    )
    balance, done, series = Money(0, currency), 0, []
    for day in (today - timedelta(days=days - number) for number in range(days + 1)):
        end = min(day_end(day, zone), int(now.timestamp()) + 1)
        while done < len(moves) and moves[done][0] < end:
            balance += moves[done][1]
            done += 1
        series.append((day, balance.rounded().amount))
    return series
