"""The pages behind numbers, cohorts, and Settings › Numbers, in each of their states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from billing.cohorts_page import Cell, CohortLine, CohortsPage
from billing.forms import NumbersForm
from billing.metrics.cohorts import month_before
from billing.metrics.definitions import DEFINITIONS
from billing.metrics.explain import Converted, Explanation, Failed, Part, Question, Row, Rows
from billing.metrics.recovery import Recovery
from billing.models import BillingSettings
from billing.money import Money
from billing.names import PlanName
from billing.numbers_page import ConvertedLine, CurrencyLine, FailedLine, NumberPage, OperandLine, PartLine, RowLine

from .billing import MONTH, TODAY, usd
from .shell import NOW, USER, Page, nav

PRO = PlanName("Pro", "monthly")


def part(amount: str, event_id: str | None, *, passed: bool = False) -> PartLine:
    one = Part("sub_1QvN7yL2mRk9wXcT", "price_pro", usd(amount), NOW - timedelta(days=9), None, event_id, passed)
    return PartLine(one, PRO, f"+${amount}")


def row(customer: str, label: str, *parts: PartLine) -> RowLine:
    return RowLine(customer, label, TODAY - timedelta(days=9), "+$98.00", parts)


def number(slug: str, text: str, **changes: Any) -> NumberPage:
    """The page of a number; `rows_of` says how many rows there are, the other changes replace attributes."""
    rows = Rows([Row("cus_ada", TODAY, usd("98"), 1)], number=changes.pop("rows_of", 3), amount=usd("147"), page=2)
    definition = DEFINITIONS[slug]
    found = Explanation(definition, Question(slug, "usd", MONTH, page=2), MONTH, "usd", usd("147"), (), rows)
    page: dict[str, Any] = {
        "definition": definition,
        "explanation": found,
        "title": definition.title,
        "text": text,
        "key": "usd",
        "currency": "usd",
        "part": "",
        "formula": "",
        "operands": (),
        "rows": (),
        "converted": (),
        "failed": (),
        "by_currency": None,
        "months": (),
        "total": "$147.00",
        "missing": (),
        "error": "",
        "estimated_before": TODAY,
        "next_query": "",
        "previous_query": "",
    }
    return NumberPage(**{**page, **changes})


def new() -> NumberPage:
    long = "a.very.long.address.for.a.customer@subdomain.example.com"
    rows = (
        row("cus_ada", "Lovelace & Sons", part("49.00", "evt_1QvN7yL2mRk9wXcTabcd"), part("49.00", "pqread_17")),
        row("cus_long", long, part("49.00", "evt_1QvN7yL2mRk9wXcTabcd", passed=True)),
        row("cus_old", "cus_old", part("0.00", None)),
    )
    return number("new", "+$147.00", rows=rows, rows_of=120, next_query="page=3", previous_query="page=1")


def rate() -> NumberPage:
    operands = (
        OperandLine("recovered", "$400.00", "recovered", "currency=usd"),
        OperandLine("failed payments", "$1,000.00", "failed", "currency=usd"),
    )
    failed = tuple(
        FailedLine(
            Failed("cus_ada", "in_1QvN7yL2mRk9", True, NOW, usd("400"), outcome, "evt_1"), "Lovelace & Sons", title
        )
        for outcome, title in (("recovered", "Recovered"), ("at_risk", "At risk"))
    )
    months = tuple(
        Recovery("usd", usd("400"), usd("100"), usd("500"), 7, month_before(TODAY, ago)) for ago in (2, 1, 0)
    )
    return number(
        "recovery_rate", "40.00%", formula="$400.00 ÷ $1,000.00", operands=operands, failed=failed, months=months
    )


def all_in_one() -> NumberPage:
    eur = Money(Decimal(18_050), "eur")
    one = Converted("eur", TODAY, eur, Decimal("1.0719"), None, usd("193.48"))
    other = Converted("eur", TODAY, eur, Decimal("1.0719"), Decimal("1.0698"), usd("0.38"))
    lines = (
        ConvertedLine(one, "€180.50", "+$193.48", "1.071900", "currency=eur"),
        ConvertedLine(other, "€180.50", "+$0.38", "1.069800 → 1.071900", "currency=eur"),
    )
    return number("fx", "+$193.86", key="all", converted=lines)


def unknown() -> NumberPage:
    missing = (f"GBP on {TODAY:%-d %B %Y}",)
    return number("mrr", "n/a", key="all", missing=missing, error="The period ends before it begins.", rows_of=0)


def per_currency(*lines: CurrencyLine) -> NumberPage:
    return number(
        "failed",
        ", ".join(f"{line.text} in {line.currency.upper()}" for line in lines) or "None",
        key="all",
        by_currency=lines,
    )


def cohorts() -> CohortsPage:
    def cells(months: int, by: int) -> tuple[Cell, ...]:
        parts = [Fraction(max(100 - by * n, 0), 100) for n in range(months)]
        return tuple(Cell(f"{round(part * 100)}%", "12", min(10, int(part * 10))) for part in parts)

    lines = tuple(
        CohortLine(
            month_before(TODAY, ago), 12 + ago, "$1,188.00", "currency=usd", cells(ago + 1, 7), cells(ago + 1, -2)
        )
        for ago in range(12)
    )
    said = "Of the customers who began in the last year, 93.10% after one month were still paying."
    return CohortsPage("usd", ("usd", "eur"), tuple(range(12)), lines, said)


def settings(may: bool = True, **data: Any) -> Page:
    form = NumbersForm(BillingSettings(), ["usd", "eur"], data or None)
    going_on = [SimpleNamespace(mode="test", asked_at=NOW - timedelta(seconds=12))]
    context = {"form": form, "settings": BillingSettings(past_due_days=14), "recalculations": going_on, "user": USER}
    status = 422 if data else 200
    return Page("billing/settings/numbers.html", {**context, "nav": nav(section="numbers", may_all=may)}, status)


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    shell = {"nav": nav("test", "dashboard"), "user": USER}
    for name, shown in (("new", new()), ("rate", rate()), ("all", all_in_one()), ("unknown", unknown())):
        yield f"number-{name}", Page("billing/numbers/number.html", {**shell, "number": shown})
    currencies = (CurrencyLine("usd", "$1,200.00", "currency=usd"), CurrencyLine("jpy", "¥4,900", "currency=jpy"))
    for name, shown in (("currencies", per_currency(*currencies)), ("no-currency", per_currency())):
        yield f"number-{name}", Page("billing/numbers/number.html", {**shell, "number": shown})
    yield "cohorts", Page("billing/numbers/cohorts.html", {**shell, "cohorts": cohorts()})
    nothing = CohortsPage("", (), (), (), "")
    yield "cohorts-none", Page("billing/numbers/cohorts.html", {**shell, "cohorts": nothing})
    yield "settings-numbers", settings()
    yield "settings-numbers-viewer", settings(may=False)
    yield "settings-numbers-wrong", settings(reporting_currency="xxx", churn_at="", past_due_days="0")
