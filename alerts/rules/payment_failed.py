"""A payment failed: told at once, each attempt once, whichever of Stripe's two events tells of it first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from alerts.machine import Decision, Occurrence
from alerts.models import RuleKind
from billing.declines import DECLINES
from billing.failures import INVOICE_FAILED, PAYMENT_FAILED
from billing.models import Failure, HistoryEntry, Invoice, Subscription
from billing.modes import Mode
from billing.names import customer_labels, plan_names

from .base import Happened, Happening, Heard, Params, ParamsForm, Place, Words
from .fields import MinimumsField, minor
from .writing import amount, at_stripe, customer_page, moment, page, rest, sums

_MEANS: Final = dict(DECLINES)
LOOKED_UP: Final = "failures"


class Form(ParamsForm):
    minimums = MinimumsField(
        label="Only from",
        required=False,
        max_length=200,
        help_text="Least amounts, like 100 USD, 90 EUR: other currencies are left out then. Empty: every failure.",
    )

    @classmethod
    def initial_of(cls, params: Params) -> dict[str, Any]:
        return {"minimums": MinimumsField.typed(params["minimums"])}


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """A failed attempt with what people call things. `next_attempt`: when Stripe tries again, as far as it is known."""

    failure: Failure
    customer: str
    plan: str
    next_attempt: datetime | None


class PaymentFailed(Happening):
    kind = RuleKind.PAYMENT_FAILED
    form = Form
    about = "Each failed payment at once; more than five within a minute in one message."
    lines = (INVOICE_FAILED, PAYMENT_FAILED)

    def happened(self, heard: Heard, params: Params) -> Sequence[Happened]:
        """Seven queries at most for a batch, however many rules look at it."""
        if LOOKED_UP not in heard.looked_up:
            told = first_told(heard.place.workspace_id, heard.place.mode, heard.lines)
            facts = _facts(heard.place, [failure for _, failure in told])
            heard.looked_up[LOOKED_UP] = [(line, found) for (line, _), found in zip(told, facts, strict=True)]
        minimums = params["minimums"]
        return [
            Happened(
                Occurrence(line.happened_at, line.event_id, facts.failure.amount, facts.failure.currency), line, facts
            )
            for line, facts in heard.looked_up[LOOKED_UP]
            if reaches(minimums, facts.failure.amount, facts.failure.currency)
        ]

    def summary(self, params: Params) -> str:
        only = MinimumsField.typed(params["minimums"])
        return f"Every payment that fails, from {only}" if only else "Every payment that fails"

    def words(self, place: Place, params: Params, happened: Happened) -> Words:
        facts: FailureFacts = happened.found
        failure = facts.failure
        fields = [
            ("Customer", facts.customer),
            ("Plan", facts.plan),
            ("Amount", amount(failure.amount, failure.currency)),
            ("Attempt", str(failure.attempt)),
            ("Reason", _reason(failure)),
            ("Next attempt", moment(facts.next_attempt, place) if facts.next_attempt else "none announced"),
        ]
        return Words(
            title=f"Payment of {amount(failure.amount, failure.currency)} failed: {facts.customer or 'no customer'}",
            fields=tuple((label, value) for label, value in fields if value),
            link=customer_page(place, failure.customer) or page(place, "billing:payments", "See the payments"),
            also=at_stripe(place, "customer", failure.customer),
        )

    def words_of_many(self, place: Place, params: Params, decision: Decision) -> Words:
        title = rest(decision, "failed payment", "failed payments")
        return Words(
            title, (f"Together {sums(decision.sums)}.",), (), page(place, "billing:payments", "See the payments")
        )


def reaches(minimums: Mapping[str, str], minor_units: int | None, currency: str) -> bool:
    """Whether an amount is at least what is asked for its currency. Where anything is asked, others are left out."""
    if not minimums:
        return True
    least = minimums.get(currency)
    return least is not None and minor_units is not None and minor_units >= minor(least, currency)


def _reason(failure: Failure) -> str:
    means = _MEANS.get(failure.decline or "", "").lower()
    return " – ".join(filter(None, (failure.reason, means))) or "not told yet"


def first_told(workspace_id: int, mode: Mode, lines: Sequence[HistoryEntry]) -> list[tuple[HistoryEntry, Failure]]:
    """Each failure at the line that told of it first, in order of time; lines that tell of one once more give nothing.

    Two queries at most. Must run in scope.
    """
    by_event = {line.event_id: line for line in lines if line.kind in PaymentFailed.lines}
    if not by_event:
        return []
    customers, events = {line.customer for line in by_event.values()}, list(by_event)
    told_by = Q(invoice_event__in=events) | Q(payment_event__in=events)
    rows = Failure.objects.filter(told_by, workspace_id=workspace_id, mode=mode)
    named = rows.filter(customer__in=customers - {None})
    # Guests have no customer: a flood of theirs (card testing) is left to the database, line by line it is ours.
    mine = list(named if None not in customers else named | rows.filter(customer=None))
    keys = {event for failure in mine for event in failure.keys}
    facts = HistoryEntry.objects.filter(
        workspace_id=workspace_id, mode=mode, event_id__in=keys, is_change=False, kind__in=PaymentFailed.lines
    )
    first = dict(facts.values_list("event_id", "pk"))
    told = [
        (by_event[event], failure)
        for failure in mine
        if (event := min(failure.keys, key=lambda key: first.get(key, sys.maxsize))) in by_event
    ]
    return sorted(told, key=lambda pair: (pair[0].happened_at, pair[0].pk))


def _facts(place: Place, failures: Sequence[Failure]) -> list[FailureFacts]:
    names = customer_labels(place.workspace_id, place.mode, (failure.customer for failure in failures))
    here = {"workspace_id": place.workspace_id, "mode": place.mode}
    subscriptions = {
        row.stripe_id: row
        for row in Subscription.objects.filter(
            **here, stripe_id__in={f.subscription for f in failures if f.subscription}
        )
    }
    invoices = {
        row.stripe_id: row
        for row in Invoice.objects.filter(**here, stripe_id__in={f.invoice for f in failures if f.invoice})
    }
    prices = {key: [item["price"] for item in row.items] for key, row in subscriptions.items()}
    plans = plan_names(place.workspace_id, place.mode, {price for some in prices.values() for price in some})
    return [
        FailureFacts(
            failure=failure,
            customer=names.get(failure.customer or "", failure.customer or ""),
            plan=", ".join(str(plans[price]) for price in prices.get(failure.subscription or "", ())),
            next_attempt=_next_attempt(failure, invoices.get(failure.invoice or "")),
        )
        for failure in failures
    ]


def _next_attempt(failure: Failure, invoice: Invoice | None) -> datetime | None:
    """What the invoice says now goes before what its event said: the payment's event says nothing of it."""
    if invoice is None:
        return failure.next_payment_attempt
    later = invoice.next_payment_attempt
    return later if later is not None and later > failure.happened_at else failure.next_payment_attempt
