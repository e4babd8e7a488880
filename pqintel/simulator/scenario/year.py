"""A year of the company, told day by day."""

from __future__ import annotations

from random import Random

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY, utc

from .company import Company, Happening

_WEEKDAYS = (1.15, 1.25, 1.2, 1.15, 1.0, 0.4, 0.35)
_MONTHS = (1.15, 1.05, 1.05, 1.0, 1.0, 0.95, 0.85, 0.8, 1.15, 1.15, 1.1, 0.75)
_LAUNCH_DAYS = 12


def saas_year(account: Account, end: int, customers: int = 400) -> Company:
    """Live through the time from the account's present to `end` (Unix seconds), usually a year.

    There are `customers` sign-ups, growing over the whole time, with mild seasons and quiet weekends; everything
    follows from the account's seed. Returns the company, which `Trickle` continues; the account's clock then stands
    at `end`.
    """
    random = Random(f"year:{account.seed}")
    company = Company(account)
    account.advance(account.now + 1)
    start = account.now
    days = max(1, (end - start) // DAY)
    arrivals = _arrivals(random, start, days, customers)
    for day in range(days):
        begins = start + day * DAY
        plan: list[tuple[int, Happening]] = [(_second(random), company.sign_up) for _ in range(arrivals[day])]
        for happening, expected in _expected(company):
            count = int(expected) + (random.random() < expected % 1)
            plan += [(_second(random), happening) for _ in range(count)]
        plan.sort(key=lambda entry: entry[0])
        for second, happening in plan:
            at = begins + second
            if at >= account.now and at <= end:
                account.advance(at)
            happening(random)
    account.advance(end)
    return company


def _arrivals(random: Random, start: int, days: int, customers: int) -> list[int]:
    """Share the sign-ups among the days: rising, with seasons and weekends, and a rush after the launch."""
    weights = []
    for day in range(days):
        moment = utc(start + day * DAY)
        weight = (0.6 + 0.9 * day / days) * _MONTHS[moment.month - 1] * _WEEKDAYS[moment.weekday()]
        weights.append(weight * (3 if day < _LAUNCH_DAYS else 1))
    counts = [0] * days
    for day in random.choices(range(days), weights, k=customers):
        counts[day] += 1
    return counts


def _expected(company: Company) -> list[tuple[Happening, float]]:
    """How often each thing happens on a day, given how many customers there are."""
    running = company.clientele.running()
    behind = sum(subscription.status == "past_due" for subscription in running)
    month = len(running) / 30
    return [
        (company.more_seats, 0.20 * month),
        (company.fewer_seats, 0.06 * month),
        (company.upgrade, 0.035 * month),
        (company.downgrade, 0.012 * month),
        (company.go_yearly, 0.012 * month),
        (company.add_on, 0.02 * month),
        (company.report_usage, 0.5 * month),
        (company.card_trouble, 0.13 * month),
        (company.recover, 0.07 * behind),
        (company.pay_sent_invoice, 0.07 * len(company.clientele.owing())),
        (company.give_notice, 0.03 * month),
        (company.change_mind, 0.004 * month),
        (company.leave_now, 0.007 * month),
        (company.come_back, 0.03 * len(company.clientele.gone()) / 30),
        (company.pause, 0.004 * month),
        (company.extra_work, 0.01 * month),
        (company.reward, 0.006 * month),
    ]


def _second(random: Random) -> int:
    """A second of the day; most of business falls into the hours of two continents."""
    return int(random.triangular(0, DAY - 1, 0.6 * DAY))
