"""One block of the dashboard: a currency, or all of them in the reporting currency, as its template reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from billing.metrics.definitions import DEFINITIONS
from billing.metrics.numbers import Numbers, Value
from billing.metrics.periods import Period
from billing.metrics.plans import PlanGroup
from billing.metrics.recovery import Recovery
from billing.metrics.scheduled import ScheduledChurn
from billing.money import Money
from billing.showing import question, shown, signed
from pqintel.ui import figures
from pqintel.ui.waterfall import Waterfall

from .lines import Line, statement_lines

RATIOS: Final = ("gross_churn", "net_churn", "nrr", "grr", "quick_ratio")
NET_NEW: Final = "net_new"


@dataclass(frozen=True)
class Figure:
    """A number as text, linked to what explains it. `money` for headlines; `before` is the one it is compared with."""

    slug: str
    label: str
    text: str
    query: str
    key: str
    note: str = ""
    before: str = ""
    money: Money | None = None


@dataclass(frozen=True)
class Section:
    """A currency ("usd"), or "all" of them in `currency`. What a rate is missing for is not there."""

    key: str
    title: str
    currency: str
    tiles: tuple[Figure, ...]
    series: list[tuple[date, Decimal]]
    unit: Money
    lines: tuple[Line, ...]
    drawing: Waterfall | None
    rates: tuple[Figure, ...]
    failures: tuple[Figure, ...]
    plans: tuple[PlanGroup, ...]
    plans_query: str
    missing: tuple[str, ...]

    @property
    def people_overlap(self) -> bool:
        """Whether somebody may be counted twice in a tier."""
        return any(group.people_overlap for group in self.plans)


def section(
    found: Numbers,
    compared: Numbers | None,
    scheduled: ScheduledChurn | Money | None,
    plans: tuple[PlanGroup, ...] = (),
    failures: Recovery | None = None,
) -> Section:
    """The block of one currency's numbers, or of all (`Numbers.whole`), which has neither plans nor failures."""
    key = "all" if found.whole else found.currency
    lines, drawing = statement_lines(key, found, compared)
    name = found.currency.upper()
    series = [(found.period.eve, found.movements.start)] if found.movements else []
    return Section(
        key=key,
        title=f"All currencies, in {name}" if found.whole else name,
        currency=found.currency,
        tiles=tuple(_tiles(key, found, compared)),
        series=[(day, amount.rounded().amount) for day, amount in (*series, *found.closes)],
        unit=Money(0, found.currency),
        lines=lines,
        drawing=drawing,
        rates=tuple(_rates(key, found, compared, scheduled)),
        failures=tuple(_failures(key, found, failures)) if failures else (),
        plans=plans,
        plans_query=question(key, found.period.last_only),
        missing=tuple(f"{rate.currency.upper()} on {rate.day:%-d %B %Y}" for rate in found.missing),
    )


def _tiles(key: str, found: Numbers, compared: Numbers | None) -> Iterable[Figure]:
    if found.mrr is not None:
        note = "" if found.change is None else f"{signed(found.change)}{_growth(found)} in 30 days"
        yield _figure("mrr", key, found.period.last_only, found.mrr, note=note)
    net = found.movements.net_new if found.movements else None
    before = compared.movements.net_new if compared and compared.movements else None
    if net is not None:
        note = "" if before is None else f"{signed(before)} in the {_length(found)} before"
        yield _figure(NET_NEW, key, found.period, net, note=note, text=signed(net))
    people = found.people
    note = f"{figures.signed_count(people.active - people.active_30_days_ago)} in 30 days"
    yield _figure("active", key, found.period.last_only, people.active, note=note)
    tile = people.tile
    note = f"{figures.count(tile.churned)} of {figures.count(tile.active_at_start + tile.came)}"
    if tile.involuntary:
        note += f", {figures.count(tile.involuntary)} by failed payments"
    yield _figure("subscriber_churn", key, found.period.last_only, tile.rate, note=note, label="Churn, 30 days")


def _rates(
    key: str, found: Numbers, compared: Numbers | None, scheduled: ScheduledChurn | Money | None
) -> Iterable[Figure]:
    for slug in RATIOS:
        before = getattr(compared.retention, slug) if compared else None
        yield _figure(slug, key, found.period, getattr(found.retention, slug), before=_before(compared, slug, before))
    last = found.period.last_only
    month = None if compared is None else compared.people.month.rate
    yield _figure(
        "calendar_churn", key, last, found.people.month.rate, before=_before(compared, "calendar_churn", month)
    )
    for slug in ("arpa", "ltv", "trial_mrr"):
        then = getattr(compared, slug) if compared else None
        yield _figure(slug, key, last, getattr(found, slug), before=_before(compared, slug, then))
    if scheduled is not None:
        amount = scheduled if isinstance(scheduled, Money) else scheduled.amount
        note = "as of now" if isinstance(scheduled, Money) else _when(scheduled)
        yield _figure("scheduled_churn", key, last, amount, note=note)


def _failures(key: str, found: Numbers, failures: Recovery) -> Iterable[Figure]:
    invoices = f"{figures.count(failures.invoices)} invoice{'' if failures.invoices == 1 else 's'}"
    yield _figure("failed", key, found.period, failures.failed, note=invoices)
    yield _figure("recovered", key, found.period, failures.recovered)
    yield _figure("at_risk", key, found.period, failures.at_risk)
    yield _figure("lost", key, found.period, failures.lost)
    yield _figure("recovery_rate", key, found.period, failures.rate)


def _figure(
    slug: str,
    key: str,
    period: Period,
    value: Value,
    *,
    note: str = "",
    before: str = "",
    label: str = "",
    text: str = "",
) -> Figure:
    definition = DEFINITIONS[slug]
    money = value if isinstance(value, Money) and not text else None
    said = text or shown(value, definition.unit)
    name = label or definition.title
    return Figure(slug, name, said, question(key, period), f"{slug}-{key}", note, before, money)


def _before(compared: Numbers | None, slug: str, value: Value) -> str:
    return "" if compared is None else shown(value, DEFINITIONS[slug].unit)


def _length(found: Numbers) -> str:
    days = len(found.period)
    return f"{days} days" if days > 1 else "day"


def _growth(found: Numbers) -> str:
    return "" if found.growth is None else f" ({figures.signed_ratio(found.growth)})"


def _when(scheduled: ScheduledChurn) -> str:
    dated = [day.day for day in scheduled.days if day.day is not None]
    if not scheduled.subscriptions:
        return ""
    ends = f"{figures.count(scheduled.subscriptions)} subscription{'' if scheduled.subscriptions == 1 else 's'}"
    return f"{ends}, the next on {min(dated):%-d %b %Y}" if dated else ends
