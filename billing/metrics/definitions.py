"""What each number is, in words: the same in docs/metrics.md and on the page behind the number (a test says so)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Unit(Enum):
    """What kind of number it is."""

    MONEY = "money"
    COUNT = "count"
    RATIO = "ratio"
    TIMES = "times"


class Span(Enum):
    """What time a number is about."""

    CLOSE = "at the close of a day"
    PERIOD = "over a period"
    TILE = "over 30 days"
    MONTH = "over the calendar month so far"
    NOW = "as of now"


@dataclass(frozen=True)
class Definition:
    """A number. `formula` is in the names of others; "" where it is a sum of its rows. `made_of` are those others."""

    slug: str
    title: str
    unit: Unit
    span: Span
    text: str
    formula: str = ""
    made_of: tuple[str, ...] = ()


_M, _C, _R = Unit.MONEY, Unit.COUNT, Unit.RATIO

DEFINITIONS: Final = {
    definition.slug: definition
    for definition in (
        Definition(
            "mrr", "MRR", _M, Span.CLOSE,
            "The monthly-normalised recurring amount of all subscriptions that are active or past due, at the close of "
            "a day; without trials, tax, one-off and metered items.",
        ),
        Definition(
            "trial_mrr", "Trial MRR", _M, Span.CLOSE,
            "What subscriptions in their trial would add to MRR if all of them began to pay.",
        ),
        Definition(
            "active", "Active subscribers", _C, Span.CLOSE,
            "Customers whose MRR is above zero at the close of a day. Over all currencies a customer counts once.",
        ),
        Definition(
            "net_new", "Net new MRR", _M, Span.PERIOD,
            "What customers did to MRR in a period. The effect of exchange rates is not in it.",
            "new + reactivation + expansion − contraction − voluntary churn − involuntary churn",
            ("new", "reactivation", "expansion", "contraction", "churn", "involuntary_churn"),
        ),
        Definition(
            "new", "New", _M, Span.PERIOD,
            "MRR of customers who pay for the first time ever, at the close of their first day.",
        ),
        Definition(
            "reactivation", "Reactivation", _M, Span.PERIOD,
            "MRR of customers who paid before, had fallen to zero, and pay again.",
        ),
        Definition(
            "expansion", "Expansion", _M, Span.PERIOD,
            "What the MRR of customers who already paid rose by: upgrades, seats, a second subscription, a discount "
            "that ended.",
        ),
        Definition(
            "contraction", "Contraction", _M, Span.PERIOD,
            "What the MRR of customers who still pay fell by: downgrades, fewer seats, one of several subscriptions "
            "ended.",
        ),
        Definition(
            "churn", "Voluntary churn", _M, Span.PERIOD,
            "MRR of customers that fell to zero because somebody wished so.",
        ),
        Definition(
            "involuntary_churn", "Involuntary churn", _M, Span.PERIOD,
            "MRR of customers that fell to zero because payments failed.",
        ),
        Definition(
            "fx", "Exchange rates", _M, Span.PERIOD,
            "What changes of exchange rates did to MRR in the reporting currency: each day, the MRR of the day before "
            "times the change of the rate since then. It is never expansion, contraction or churn.",
        ),
        Definition(
            "subscriber_churn", "Subscriber churn, 30 days", _R, Span.TILE,
            "The part of subscribers that was lost within 30 days, those included who only came within them (Stripe's "
            "formula).",
            "churned subscribers ÷ (active subscribers before + new subscribers)",
            ("churned", "active", "came"),
        ),
        Definition(
            "calendar_churn", "Subscriber churn, this month", _R, Span.MONTH,
            "The part of the subscribers at the start of the calendar month that was lost in it so far (ChartMogul's "
            "formula).",
            "churned subscribers ÷ active subscribers at the start",
            ("churned", "active"),
        ),
        Definition(
            "churned", "Churned subscribers", _C, Span.PERIOD,
            "Customers whose MRR fell to zero, once for each time it did.",
        ),
        Definition(
            "came", "New subscribers", _C, Span.PERIOD,
            "Customers who began to pay for the first time ever.",
        ),
        Definition(
            "gross_churn", "Gross MRR churn", _R, Span.PERIOD,
            "The part of MRR at the start that was lost.",
            "(contraction + voluntary churn + involuntary churn) ÷ MRR at the start",
            ("contraction", "churn", "involuntary_churn", "mrr"),
        ),
        Definition(
            "net_churn", "Net MRR churn", _R, Span.PERIOD,
            "Gross MRR churn less what customers who were or had been there brought back; negative when that is more.",
            "(contraction + voluntary churn + involuntary churn − expansion − reactivation) ÷ MRR at the start",
            ("contraction", "churn", "involuntary_churn", "expansion", "reactivation", "mrr"),
        ),
        Definition(
            "nrr", "Net revenue retention", _R, Span.PERIOD,
            "What became of the MRR at the start, with its expansion and without anything new.",
            "(MRR at the start + expansion − contraction − voluntary churn − involuntary churn) ÷ MRR at the start",
            ("mrr", "expansion", "contraction", "churn", "involuntary_churn"),
        ),
        Definition(
            "grr", "Gross revenue retention", _R, Span.PERIOD,
            "What is left of the MRR at the start, without its expansion and anything new.",
            "(MRR at the start − contraction − voluntary churn − involuntary churn) ÷ MRR at the start",
            ("mrr", "contraction", "churn", "involuntary_churn"),
        ),
        Definition(
            "quick_ratio", "Quick ratio", Unit.TIMES, Span.PERIOD,
            "How many times over what was lost was gained.",
            "(new + reactivation + expansion) ÷ (contraction + voluntary churn + involuntary churn)",
            ("new", "reactivation", "expansion", "contraction", "churn", "involuntary_churn"),
        ),
        Definition(
            "arpa", "ARPA", _M, Span.CLOSE,
            "MRR per active subscriber.",
            "MRR ÷ active subscribers",
            ("mrr", "active"),
        ),
        Definition(
            "ltv", "LTV", _M, Span.CLOSE,
            "What a subscriber brings before leaving, at the present rate of loss; n/a where nobody left.",
            "ARPA ÷ subscriber churn of 30 days",
            ("arpa", "subscriber_churn"),
        ),
        Definition(
            "scheduled_churn", "Scheduled churn", _M, Span.NOW,
            "MRR of subscriptions whose cancellation is scheduled, as of now, whatever days are looked at: it leaves "
            "MRR at the effective end. Where churn counts at the request (Settings › Numbers), it has left already, "
            "and nothing is scheduled.",
        ),
        Definition(
            "failed", "Failed payments", _M, Span.PERIOD,
            "What could not be collected at the first attempt: each invoice once, in the period of that attempt.",
        ),
        Definition(
            "recovered", "Recovered", _M, Span.PERIOD,
            "The part of what failed in the period that has been paid since.",
        ),
        Definition(
            "at_risk", "At risk", _M, Span.PERIOD,
            "The part of what failed in the period that is neither paid nor given up.",
        ),
        Definition(
            "lost", "Lost", _M, Span.PERIOD,
            "The part of what failed in the period that was voided or written off, or whose subscription has ended.",
        ),
        Definition(
            "recovery_rate", "Recovery rate", _R, Span.PERIOD,
            "How much of what failed in the period has been paid since; what is open still counts as not recovered.",
            "recovered ÷ failed payments",
            ("recovered", "failed"),
        ),
    )
}  # fmt: skip

MOVEMENTS: Final = ("new", "reactivation", "expansion", "contraction", "churn", "involuntary_churn")
"""The metrics that are kinds of movements; their slugs are the kinds' values."""


FAILURES: Final = {"failed": "", "recovered": "recovered", "at_risk": "at_risk", "lost": "lost", "recovery_rate": ""}
"""The metrics about failed payments, with the outcome (billing.metrics.recovery) that each of them counts; "" = all."""


def published(definitions: Iterable[Definition] = tuple(DEFINITIONS.values())) -> str:
    """The definitions as docs/metrics.md has them."""
    lines = ["| number | definition |", "|---|---|"]
    for definition in definitions:
        formula = f" = {definition.formula}" if definition.formula else ""
        lines.append(f"| **{definition.title}**{formula} | {definition.text} |")
    return "\n".join(lines)
