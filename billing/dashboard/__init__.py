"""What the dashboard shows, put together for its template (docs/design.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from billing.estimated import estimated_before
from billing.metrics.ledger import Ledger, ledger
from billing.metrics.numbers import Numbers, numbers, numbers_of_all, reach
from billing.metrics.periods import Choice
from billing.metrics.plans import PlanGroup, plans
from billing.metrics.recovery import Recovery, recovery, recovery_by_month
from billing.metrics.scheduled import ScheduledChurn, scheduled_churn
from billing.modes import Mode
from billing.money import Money
from billing.rates import MissingRate, Rates, rates_between, total
from billing.story import Line, latest
from pqintel.workspaces.models import Workspace

from .sections import Section, section
from .standing import Standing, standing

__all__ = ["Dashboard", "Standing", "dashboard", "reporting_currency", "standing"]

HISTORY_LINES = 25


@dataclass(frozen=True)
class Dashboard:
    """Everything on the page. `estimated_before`: the first day that is not estimated, if it lies in the period.

    `sections`: all currencies in the reporting one first, where that is not the only one; then each, the largest first.
    """

    version: int
    as_of: datetime
    choice: Choice
    connected: bool
    last_event_at: datetime | None
    pending: int
    quarantined: int
    recalculating_since: datetime | None
    estimated_before: date | None
    active_subscribers_total: int
    sections: list[Section]
    history: list[Line]


@dataclass(frozen=True)
class _Read:
    """What was read, for the period and the one it is compared with."""

    ledger: Ledger
    choice: Choice
    rates: Rates
    scheduled: dict[str, ScheduledChurn]
    failures: dict[str, list[Recovery]]
    reporting: str

    def of(self, currency: str) -> tuple[Numbers, Numbers | None]:
        compared = self.choice.compared
        before = numbers(self.ledger, currency, compared) if compared else None
        return numbers(self.ledger, currency, self.choice.period), before

    def of_all(self) -> tuple[Numbers, Numbers | None]:
        compared, currency = self.choice.compared, self.reporting
        before = numbers_of_all(self.ledger, currency, compared, self.rates) if compared else None
        return numbers_of_all(self.ledger, currency, self.choice.period, self.rates), before

    def scheduled_in_all(self) -> Money | None:
        try:
            amounts = [one.amount for one in self.scheduled.values()]
            return total(amounts, self.reporting, self.ledger.period.last, self.rates)
        except MissingRate:
            return None


def dashboard(workspace: Workspace, mode: Mode, now: datetime, choice: Choice, state: Standing) -> Dashboard:
    """Everything the dashboard shows as of `now` (aware). About ten queries, flat in cost. Must run in scope."""
    read = ledger(workspace.pk, mode, reach(choice.period, choice.compared))
    reporting = reporting_currency(read, state)
    wanted = _to_convert(read, reporting)
    rates = rates_between(wanted, read.period.eve, read.period.last)
    scheduled = scheduled_churn(workspace.pk, mode, now, state.zone)
    failures = recovery_by_month(workspace.pk, mode, choice.period, state.zone)
    found = _Read(read, choice, rates, scheduled, failures, reporting)
    by_plan = plans(workspace.pk, mode, read)
    return Dashboard(
        version=state.version,
        as_of=now,
        choice=choice,
        connected=state.feed.connected,
        last_event_at=state.last_event_at,
        pending=state.feed.pending,
        quarantined=state.feed.quarantined,
        recalculating_since=state.recalculating_since,
        estimated_before=estimated_before(workspace.pk, mode, state.feed.connected_at, state.zone, choice.period.first),
        active_subscribers_total=read.people.active_at_end,
        sections=list(_sections(found, by_plan)),
        history=latest(workspace.pk, mode, HISTORY_LINES),
    )


def reporting_currency(read: Ledger, state: Standing) -> str:
    """The currency that was chosen, else the one with the largest MRR; "" where there is none."""
    return state.reporting_currency or (read.books[0].currency if read.books else "")


def _to_convert(read: Ledger, reporting: str) -> set[str]:
    """The currencies whose rates are needed: none where there is only the reporting one."""
    currencies = {book.currency for book in read.books}
    return currencies | {reporting} if currencies - {reporting} else set()


def _sections(found: _Read, by_plan: dict[str, tuple[PlanGroup, ...]]) -> Iterator[Section]:
    currencies = [book.currency for book in found.ledger.books]
    if set(currencies) - {found.reporting}:
        yield section(*found.of_all(), found.scheduled_in_all())
    for currency in currencies:
        scheduled = found.scheduled.get(currency, ScheduledChurn(currency))
        failures = recovery(found.failures.get(currency, []), currency)
        yield section(*found.of(currency), scheduled, by_plan.get(currency, ()), failures)
