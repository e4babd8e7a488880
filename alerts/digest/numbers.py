"""What a summary says of its days: read where the dashboard reads it, computed by what the dashboard computes with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from alerts.models import Cadence
from billing.actions.bulk import fetch
from billing.dashboard import Standing, reporting_currency
from billing.metrics.ledger import Book, Ledger, ledger
from billing.metrics.periods import Period, last_days
from billing.metrics.recovery import Recovery, came_back, recovery, recovery_by_month, within
from billing.metrics.scheduled import scheduled_churn
from billing.metrics.statement import KINDS, Statement, reporting, statement
from billing.modes import Mode
from billing.money import Money
from billing.rates import rates_between
from integrations.stripe.reconcile import report
from pqintel.workspaces.models import Workspace

from .schedule import days_of

STARTED: Final = "subscription.started"
CANCELLED: Final = "subscription.cancel_scheduled"
ENDED: Final = "subscription.ended"
_HAPPENED: Final = """
SELECT kind, count(DISTINCT object_id) FROM billing_historyentry
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = ANY(%(kinds)s) AND superseded_at IS NULL
  AND happened_at >= to_timestamp(%(since)s) AND happened_at < to_timestamp(%(until)s)
GROUP BY 1
"""


@dataclass(frozen=True)
class Part:
    """One currency, or all of them in `currency` (`whole`): MRR at the close of the last day and what led to it.

    What a rate is missing for is None, and `missing` says which. `active_change` is over the days of the summary.
    """

    currency: str
    whole: bool
    mrr: Money | None
    movements: Statement | None
    active: int
    active_change: int
    missing: tuple[str, ...] = ()

    @property
    def change(self) -> Money | None:
        """What MRR is more than before the first day, the effect of exchange rates included."""
        return None if self.movements is None else self.movements.end - self.movements.start

    @property
    def growth(self) -> Fraction | None:
        """The same as a part of MRR before; None from nothing."""
        if self.movements is None or self.change is None or not self.movements.start:
            return None
        return Fraction(self.change.minor) / Fraction(self.movements.start.minor)


Amounts = tuple[tuple[Money, int], ...]
"""An amount in each currency, and how many invoices or subscriptions it is of."""


@dataclass(frozen=True)
class Summary:
    """All that a summary says. `parts` begin with all currencies in the reporting one where there are several.

    Failures, what is at risk and what is scheduled are as of when it was made; `at_risk` is of what failed in the 30
    days up to the last one. The rest of it: subscriptions that began, were cancelled, ended; trouble with the feed.
    """

    cadence: Cadence
    period: Period
    parts: tuple[Part, ...]
    started: int
    cancelled: int
    ended: int
    failed: Amounts
    recovered: Amounts
    at_risk: tuple[Money, ...]
    leaving: Amounts
    connected: bool
    quarantined: int
    drifts: int
    recalculating: bool

    @property
    def document(self) -> dict[str, Any]:
        """As JSON: amounts in major units as text, by currency."""
        return {
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "currencies": {part.currency: _part(part) for part in self.parts if not part.whole},
            "all": next((_part(part) for part in self.parts if part.whole), None),
            "subscriptions": {"started": self.started, "cancelled": self.cancelled, "ended": self.ended},
            "failed": _amounts(self.failed),
            "recovered": _amounts(self.recovered),
            "at_risk": {amount.currency: amount.plain() for amount in self.at_risk},
            "scheduled_churn": _amounts(self.leaving),
            "quarantined": self.quarantined,
            "drifts": self.drifts,
        }


def summary(workspace: Workspace, mode: Mode, cadence: Cadence, day: date, state: Standing, now: datetime) -> Summary:
    """The summary of the days up to `day`, as known at `now` (aware). About twelve queries. Must run in scope.

    Args:
        state: of this workspace and mode at `now` (`billing.dashboard.standing`).
    """
    at, period = (workspace.pk, mode), days_of(cadence, day)
    last = report.status(*at).last
    failed, risk = (
        {currency: recovery(months, currency) for currency, months in recovery_by_month(*at, days, state.zone).items()}
        for days in (period, last_days(day))
    )
    happened = _happened(workspace.pk, mode, period, state)
    leaving = scheduled_churn(*at, now, state.zone)
    return Summary(
        cadence=cadence,
        period=period,
        parts=_parts(workspace.pk, mode, period, state),
        started=happened.get(STARTED, 0),
        cancelled=happened.get(CANCELLED, 0),
        ended=happened.get(ENDED, 0),
        failed=tuple((one.failed, one.invoices) for one in _some(failed)),
        recovered=tuple(came_back(*at, period, state.zone)),
        at_risk=tuple(one.at_risk for one in _some(risk) if one.at_risk),
        leaving=tuple((leaving[currency].amount, leaving[currency].subscriptions) for currency in sorted(leaving)),
        connected=state.feed.connected,
        quarantined=state.feed.quarantined,
        drifts=last.open if last else 0,
        recalculating=state.recalculating_since is not None,
    )


def _parts(workspace_id: int, mode: Mode, period: Period, state: Standing) -> tuple[Part, ...]:
    read = ledger(workspace_id, mode, period)
    chosen = reporting_currency(read, state)
    parts = [_of_currency(book) for book in read.books]
    if {part.currency for part in parts} - {chosen}:
        parts.insert(0, _of_all(read, chosen))
    return tuple(parts)


def _of_currency(book: Book) -> Part:
    active = book.active_at_end
    return Part(book.currency, False, book.closing, statement(book), active, active - book.active_at_start)


def _of_all(read: Ledger, currency: str) -> Part:
    """All currencies at the rates of the days; customers are counted once."""
    rates = rates_between({*(book.currency for book in read.books), currency}, read.period.eve, read.period.last)
    whole, active = reporting(read, currency, rates), read.people.active_at_end
    missing = tuple(f"{rate.currency.upper()} on {rate.day:%-d %B %Y}" for rate in whole.missing)
    return Part(currency, True, whole.mrr, whole.statement, active, active - read.people.active_at_start, missing)


def _happened(workspace_id: int, mode: Mode, period: Period, state: Standing) -> dict[str, int]:
    kinds = [STARTED, CANCELLED, ENDED]
    return dict(fetch(_HAPPENED, {**within(workspace_id, mode, period, state.zone), "kinds": kinds}))


def _some(found: Mapping[str, Recovery]) -> Iterable[Recovery]:
    return (found[currency] for currency in sorted(found))


def _part(part: Part) -> dict[str, Any]:
    movements = part.movements
    return {
        "currency": part.currency,
        "mrr": None if part.mrr is None else part.mrr.plain(),
        "change": None if part.change is None else part.change.plain(),
        "movements": movements
        and {
            **{str(kind): movements.amounts[kind].plain() for kind in KINDS},
            "fx": movements.fx.plain(),
            "count": {str(kind): movements.moves[kind] for kind in KINDS},
        },
        "active_subscribers": part.active,
        "active_subscribers_change": part.active_change,
        "missing_rates": list(part.missing),
    }


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {amount.currency: {"amount": amount.plain(), "count": count} for amount, count in amounts}
