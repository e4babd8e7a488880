"""The dashboard, in each of its states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.dashboard.sections import Section, section
from billing.metrics.ledger import Book, Flow, Ledger
from billing.metrics.mrr import PlanLine
from billing.metrics.numbers import numbers, numbers_of_all, reach
from billing.metrics.periods import COMPARISONS, PRESETS, chosen, last_days
from billing.metrics.plans import PlanGroup
from billing.metrics.recovery import Recovery
from billing.metrics.scheduled import Leaving, ScheduledChurn
from billing.models import MovementKind as Kind
from billing.money import Money, total
from billing.rates import Rates

from .shell import NOW, USER, Page, nav


def usd(amount: str) -> Money:
    """Dollars, given in major units."""
    return Money(int(Decimal(amount) * 100), "usd")


def series(start: int, step: int, days: int = 90) -> list[tuple[date, Decimal]]:
    """Daily amounts that grow with a plausible wobble."""
    first = NOW.date() - timedelta(days=days)
    return [(first + timedelta(days=n), Decimal(start + step * n + (n * 37 % 11) * step)) for n in range(days + 1)]


TODAY = NOW.date()
MONTH = last_days(TODAY)


def plan(name: str, interval: str, mrr: Money, subscribers: int, share: str) -> PlanLine:
    return PlanLine(f"price_{name[:3].lower()}", name, interval, mrr, subscribers, Decimal(share))


def group(tier: str, *plans: PlanLine, overlap: bool = False) -> PlanGroup:
    """A tier of some plans; without a tier, the one plan."""
    mrr = total([plan.mrr for plan in plans], plans[0].mrr.currency)
    share = sum((plan.share for plan in plans), Decimal(0))
    people = sum(plan.active_subscribers for plan in plans)
    return PlanGroup(tier.lower(), tier or plans[0].name, mrr, people, share, plans, overlap)


def flow(amount: int, people: int, moves: int) -> Flow:
    return Flow(Decimal(amount), people, moves)


def book(currency: str, opening: int, active: int) -> Book:
    """Two months in which a little of everything happens."""
    period = reach(MONTH, MONTH.before())
    days: dict[date, dict[str, Flow]] = {}
    for n, day in enumerate(period):
        flows = {str(Kind.NEW): flow(opening // 200, 1, 1)} if n % 2 else {}
        if n % 7 == 3:
            flows[str(Kind.EXPANSION)] = flow(opening // 300, 0, 2)
            flows[str(Kind.CONTRACTION)] = flow(-opening // 700, 0, 1)
        if n % 9 == 5:
            flows[str(Kind.CHURN)] = flow(-opening // 150, -1, 1)
        if n % 23 == 20:
            flows[str(Kind.INVOLUNTARY_CHURN)] = flow(-opening // 250, -1, 1)
            flows[str(Kind.REACTIVATION)] = flow(opening // 400, 1, 1)
        days[day] = flows
    return Book(currency, period, Money(Decimal(opening), currency), active, Money(Decimal(127_400), currency), days)


BOOKS = (book("usd", 4_310_050, 590), book("jpy", 1_250_000, 79))
BOTH = Ledger(BOOKS[0].period, BOOKS, book("", 0, 669))
RATES = Rates({c: [(day, Decimal(r)) for day in BOTH.period] for c, r in (("usd", "1.10"), ("jpy", "161.5"))})
LEAVING = ScheduledChurn("usd", (Leaving(TODAY + timedelta(days=12), usd("199"), 3),))


def both() -> list[Section]:
    """All in dollars, dollars, yen; rates begin too late for the comparison, as they do for new installations."""
    plans = (
        group(
            "Growth",
            plan("Pro", "monthly", usd("24108"), 492, "49.9"),
            plan("Scale", "yearly", usd("16500.50"), 83, "34.2"),
            overlap=True,
        ),
        group("", plan("Starter with a rather long name for a plan", "monthly", usd("7692"), 36, "15.9")),
        group("Free", plan("Legacy", "every 3 months", usd("10"), 1, "0.02")),
    )
    before = MONTH.before()
    one, other = ((numbers(BOTH, currency, MONTH), numbers(BOTH, currency, before)) for currency in ("usd", "jpy"))
    yen = (group("", plan("Pro", "monthly", Money(1250000, "jpy"), 79, "100")),)
    return [
        section(numbers_of_all(BOTH, "usd", MONTH, RATES), numbers_of_all(BOTH, "usd", before, RATES), usd("199")),
        section(*one, LEAVING, plans, Recovery("usd", usd("400"), usd("100"), usd("500"), 7)),
        section(*other, ScheduledChurn("jpy"), yen),
    ]


def moved(by: int) -> list[Section]:
    """The dollars with some more MRR on the last day, so that something moves."""
    usd = BOOKS[0]
    days = {**usd.days, TODAY: {str(Kind.NEW): flow(100 * by, 1, 1)}}
    grown = Ledger(BOTH.period, (replace(usd, days=days),), BOTH.people)
    return [section(numbers(grown, "usd", MONTH), None, LEAVING), *both()[2:]]


def unknown() -> list[Section]:
    """No rate is known, and nothing is compared."""
    return [section(numbers_of_all(BOTH, "eur", MONTH, Rates({})), None, None), *both()[1:]]


def row(ago: timedelta, title: str, who: str, amount: Money | None, tone: str, detail: str = "") -> dict[str, Any]:
    return {
        "happened_at": NOW - ago,
        "kind": title.lower().replace(" ", "."),
        "title": title,
        "customer_label": who,
        "customer": "cus_1" if who.endswith("Labs") else "",
        "detail": detail,
        "amount": amount,
        "event_id": f"evt_{abs(hash((title, who))) % 10**8}",
        "tone": tone,
    }


def history() -> list[dict[str, Any]]:
    eur = Money(29000, "eur")
    return [
        row(timedelta(seconds=3), "Subscription started", "Lovelace & Sons", usd("49"), "good", "Pro, monthly"),
        row(
            timedelta(seconds=48),
            "Payment failed",
            "Turing Machines Ltd",
            usd("199"),
            "bad",
            "Card declined: insufficient funds",
        ),
        row(timedelta(minutes=7), "Invoice paid", "Hopper Naval Systems", usd("1188"), "good"),
        row(timedelta(minutes=31), "Plan changed", "Noether Symmetry GmbH", eur, "good", "Pro → Scale, from €49.00"),
        row(
            timedelta(hours=2),
            "Trial started",
            "a.very.long.address.for.a.customer@subdomain.example.com",
            None,
            "neutral",
        ),
        row(
            timedelta(hours=5), "Subscription ended", "Babbage Engines", usd("-49"), "bad", "Cancelled by the customer"
        ),
        row(timedelta(days=1), "Payment succeeded", "Johnson Orbital", usd("49"), "good"),
        row(timedelta(days=9), "Quantity changed", "Curie Labs", usd("120"), "good", "5 → 12 seats"),
    ]


def dashboard(**changes: Any) -> dict[str, Any]:
    """A dashboard in full; `changes` replaces attributes."""
    return {
        "version": 41,
        "as_of": NOW,
        "connected": True,
        "last_event_at": NOW - timedelta(seconds=3),
        "pending": 37,
        "quarantined": 1,
        "active_subscribers_total": 688,
        "choice": chosen({}, TODAY),
        "recalculating_since": None,
        "estimated_before": None,
        "sections": both(),
        "history": history(),
        **changes,
    }


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    nothing: dict[str, Any] = {"sections": [], "history": [], "pending": 0, "quarantined": 0, "last_event_at": None}
    one = both()[1:2]
    yield "dashboard", page("live", dashboard())
    yield "dashboard-test", page("test", dashboard(sections=one, pending=0, quarantined=0, estimated_before=TODAY))
    yield "dashboard-unconnected", page("live", dashboard(**nothing, connected=False))
    yield "dashboard-waiting", page("test", dashboard(**nothing))
    yield "dashboard-no-revenue", page("live", dashboard(sections=[], connected=False, pending=0))
    yield "dashboard-no-rate", page("live", dashboard(sections=unknown(), recalculating_since=NOW))
    wrong = chosen({"range": "custom", "from": "2026-05-02", "to": "2026-05-01", "compare": "none"}, TODAY)
    yield "dashboard-wrong-days", page("test", dashboard(sections=one, choice=wrong))


def page(mode: str, shown: dict[str, Any]) -> Page:
    more = {"presets": PRESETS, "comparisons": COMPARISONS}
    return Page("billing/dashboard.html", {"nav": nav(mode, "dashboard"), "dashboard": shown, "user": USER, **more})
