"""Movements and rates of a period as a JSON document: amounts in major units as text, ratios as text or null."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing.modes import Mode
from billing.money import Money
from billing.rates import rates_between

from .ledger import ledger
from .numbers import Numbers, numbers, numbers_of_all, reach
from .periods import Period
from .recovery import Recovery, recovery, recovery_by_month
from .statement import KINDS


def period_document(
    workspace_id: int, mode: Mode, period: Period, zone: ZoneInfo, reporting: str | None
) -> dict[str, Any]:
    """The numbers of a period by currency, and of all in the reporting currency (None: the one with the largest MRR).

    Must run in scope.
    """
    read = ledger(workspace_id, mode, reach(period))
    failures = recovery_by_month(workspace_id, mode, period, zone)
    currencies = [book.currency for book in read.books]
    document: dict[str, Any] = {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "currencies": {
            currency: {
                **_numbers(numbers(read, currency, period)),
                "failed_payments": _failures(recovery(failures.get(currency, []), currency)),
            }
            for currency in currencies
        },
    }
    if target := reporting or next(iter(currencies), None):
        rates = rates_between({*currencies, target}, read.period.eve, read.period.last)
        whole = numbers_of_all(read, target, period, rates)
        missing = [{"currency": rate.currency, "day": rate.day.isoformat()} for rate in whole.missing]
        document["all"] = {"currency": target, **_numbers(whole), "missing_rates": missing}
    return document


def _numbers(found: Numbers) -> dict[str, Any]:
    movements, kept, people = found.movements, found.retention, found.people
    return {
        "movements": movements
        and {
            "start": movements.start.plain(),
            **{str(kind): movements.amounts[kind].plain() for kind in KINDS},
            "fx": movements.fx.plain(),
            "rounding": movements.rounding.plain(),
            "end": movements.end.plain(),
            "net_new": movements.net_new.plain(),
            "count": {str(kind): movements.moves[kind] for kind in KINDS},
        },
        "mrr": _plain(found.mrr),
        "trial_mrr": _plain(found.trial_mrr),
        "active_subscribers": people.active,
        "arpa": _plain(found.arpa),
        "ltv": _plain(found.ltv),
        "subscriber_churn_30_days": _ratio(people.tile.rate),
        "subscriber_churn_month": _ratio(people.month.rate),
        "gross_churn": _ratio(kept.gross_churn),
        "net_churn": _ratio(kept.net_churn),
        "nrr": _ratio(kept.nrr),
        "grr": _ratio(kept.grr),
        "quick_ratio": _ratio(kept.quick_ratio),
    }


def _failures(found: Recovery) -> dict[str, Any]:
    return {
        "failed": found.failed.plain(),
        "recovered": found.recovered.plain(),
        "at_risk": found.at_risk.plain(),
        "lost": found.lost.plain(),
        "invoices": found.invoices,
        "recovery_rate": _ratio(found.rate),
    }


def _plain(amount: Money | None) -> str | None:
    return None if amount is None else amount.plain()


def _ratio(value: Fraction | None) -> str | None:
    """A part of one with six decimal places, half even: "0.066667"."""
    if value is None:
        return None
    scaled = round(value * 10**6)
    sign = "-" if scaled < 0 else ""
    return f"{sign}{abs(scaled) // 10**6}.{abs(scaled) % 10**6:06}"
