"""MRR, trial MRR, active subscribers and plans, per currency, at any instant of the account's life."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any

from pqintel.simulator.clock import seconds
from pqintel.simulator.currencies import in_major_units
from pqintel.simulator.ledger import Ledger

from .movements import Movement, days
from .rates import Rate
from .timeline import Timeline


@dataclass(slots=True)
class PlanMetrics:
    """One price: its exact MRR in minor units and the customers who pay for it."""

    mrr: Fraction = Fraction(0)
    customers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class CurrencyMetrics:
    """One currency, exact, in minor units. `customers` are those with MRR above zero."""

    mrr: Fraction = Fraction(0)
    trial_mrr: Fraction = Fraction(0)
    customers: set[str] = field(default_factory=set)
    plans: dict[str, PlanMetrics] = field(default_factory=dict)

    def add(self, customer: str, rate: Rate) -> None:
        """Count one item of a customer's subscription."""
        if rate.trial:
            self.trial_mrr += rate.amount
        elif rate.amount > 0:
            self.mrr += rate.amount
            self.customers.add(customer)
            plan = self.plans.setdefault(rate.price, PlanMetrics())
            plan.mrr += rate.amount
            plan.customers.add(customer)


class Truth:
    """The metrics of one account; instants are Unix seconds or aware datetimes, days are of a time zone (UTC)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._timeline = Timeline(ledger)

    def at(self, moment: int | datetime | None = None) -> dict[str, CurrencyMetrics]:
        """Return the metrics by currency at a moment (default: now), for currencies that have any MRR or trial MRR."""
        at = self._ledger.now if moment is None else seconds(moment)
        currencies: dict[str, CurrencyMetrics] = {}
        for subscription in self._timeline.states_at(at):
            for rate in self._timeline.rates_of(subscription, at):
                if rate.amount:
                    metrics = currencies.setdefault(subscription.currency, CurrencyMetrics())
                    metrics.add(subscription.customer, rate)
        return currencies

    def as_dict(self, moment: int | datetime | None = None) -> dict[str, dict[str, Any]]:
        """Return the metrics as the product reports them: amounts in major units, rounded half even to the currency's
        exponent, as text. `{"usd": {"mrr", "trial_mrr", "active_subscribers", "plans": {price id: {...}}}}`."""
        return {
            currency: {
                "mrr": str(in_major_units(metrics.mrr, currency)),
                "trial_mrr": str(in_major_units(metrics.trial_mrr, currency)),
                "active_subscribers": len(metrics.customers),
                "plans": {
                    price: {
                        "mrr": str(in_major_units(plan.mrr, currency)),
                        "active_subscribers": len(plan.customers),
                    }
                    for price, plan in sorted(metrics.plans.items())
                },
            }
            for currency, metrics in sorted(self.at(moment).items())
        }

    def movements(self, zone: tzinfo = UTC) -> list[Movement]:
        """Return every customer's movement of every day so far, today's included, in order of the days."""
        return [movement for day in days(self._timeline, zone) for movement in day.movements]

    def daily_mrr(self, zone: tzinfo = UTC) -> dict[date, dict[str, Fraction]]:
        """Return the MRR by currency (exact, minor units) at the close of every day, from the first subscription's
        to today, which closes now. A currency is there from its first subscription on."""
        closes: dict[date, dict[str, Fraction]] = {}
        latest: dict[str, Fraction] = {}
        today = datetime.fromtimestamp(self._ledger.now, zone).date()
        next_day: date | None = None
        for day in days(self._timeline, zone):
            while next_day is not None and next_day < day.day:
                closes[next_day] = latest
                next_day += timedelta(days=1)
            latest, next_day = day.mrr, day.day
        while next_day is not None and next_day <= today:
            closes[next_day] = latest
            next_day += timedelta(days=1)
        return closes
