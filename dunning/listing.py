"""The list of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.db.models import QuerySet

from billing.lists.filters import Filter, between
from billing.lists.finding import find
from billing.lists.forms import FilterForm
from billing.lists.paging import Order
from billing.lists.rows import Column, Listing, Place
from billing.money import Money
from billing.names import customer_labels
from billing.statuses import Status

from .models import Case, CaseState
from .schedule import StepKind

STATES: Final = {
    CaseState.OPEN: Status("Open", "warn", "The payment failed; nobody was reminded yet."),
    CaseState.REMINDING: Status("Reminding", "warn", "The customer was written to."),
    CaseState.ESCALATED: Status("Escalated", "warn", "The team was told."),
    CaseState.FINAL: Status("Final warning", "bad", "The last letter before access falls was written."),
    CaseState.DOWNGRADED: Status("Downgraded", "bad", "Access fell; a payment gives it back."),
    CaseState.RECOVERED: Status("Recovered", "good", "The invoice was paid."),
    CaseState.LOST: Status("Lost", "bad", "The subscription ended unpaid, or the invoice was written off."),
    CaseState.CANCELED: Status("Canceled", "", "The subscription ended for another reason."),
    CaseState.VOIDED: Status("Voided", "", "Nothing of the invoice is due any more."),
    CaseState.EXCLUDED: Status("Excluded", "", "The customer or their tier is not dunned."),
    CaseState.RESOLVED: Status("Resolved", "", "Closed by a member of the workspace, or nobody is a customer yet."),
}
STEPS: Final = {
    StepKind.AT_ONCE: "Letter: the payment failed",
    StepKind.FIRST: "First reminder",
    StepKind.SECOND: "Second reminder",
    StepKind.FINAL: "Final warning",
    StepKind.ESCALATE: "Tell the team",
    StepKind.DOWNGRADE: "Access falls",
    StepKind.WATCH: "Ask Stripe about the announced attempt",
    StepKind.LOOK: "Look at the answer",
}
"""Steps in words, as they come next."""
RUNNING: Final = "running"


@dataclass(frozen=True)
class CaseRow:
    """A case as the list shows it."""

    invoice: str
    label: str
    customer: str
    customer_label: str
    status: Status
    amount: Money
    attempts: int
    opened_at: datetime
    closed_at: datetime | None
    paused: bool
    reason: str
    next_step: str
    next_step_at: datetime | None


class CaseForm(FilterForm):
    """What the list can be asked for."""

    status = forms.ChoiceField(
        label="State",
        required=False,
        error_messages={"invalid_choice": "There is no such choice as %(value)s."},
        choices=[("", "Any state"), (RUNNING, "Running"), *CaseState.choices],
    )

    def questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"status": asked.get("status", "")}


def records(place: Place, wanted: Filter) -> QuerySet[Case]:
    """The cases that a filter means."""
    found = find(place.all(Case), place, wanted.search, ids=("invoice", "customer", "subscription"), number="number")
    found = between(found, "opened_at", wanted.since, wanted.until)
    if wanted.customer:
        found = found.filter(customer=wanted.customer)
    if wanted.status == RUNNING:
        return found.filter(closed_at=None)
    return found.filter(state=wanted.status) if wanted.status else found


def rows(place: Place, cases: Sequence[Case]) -> list[CaseRow]:
    """Cases with the names of their customers. One query."""
    labels = customer_labels(place.workspace_id, place.mode, (case.customer for case in cases))
    return [
        CaseRow(
            invoice=case.invoice,
            label=case.label,
            customer=case.customer,
            customer_label=labels.get(case.customer, case.customer),
            status=STATES[CaseState(case.state)],
            amount=case.money,
            attempts=case.attempts,
            opened_at=case.opened_at,
            closed_at=case.closed_at,
            paused=case.paused_at is not None,
            reason=case.reason,
            next_step=step_in_words(case),
            next_step_at=case.next_step_at,
        )
        for case in cases
    ]


def step_in_words(case: Case) -> str:
    """What comes next; "" where nothing does."""
    return STEPS[StepKind(case.next_step)] if case.next_step else ""


CASES: Final = Listing(
    name="cases",
    title="Unpaid invoices",
    form=CaseForm,
    orders={"opened": Order("opened_at")},
    records=records,
    rows=rows,
    columns=(
        Column("invoice", lambda row: row.invoice),
        Column("number", lambda row: row.label),
        Column("customer", lambda row: row.customer),
        Column("customer_name", lambda row: row.customer_label),
        Column("state", lambda row: row.status.label),
        Column("reason", lambda row: row.reason),
        Column("currency", lambda row: row.amount.currency),
        Column("amount", lambda row: row.amount),
        Column("failed_attempts", lambda row: row.attempts),
        Column("opened_at", lambda row: row.opened_at),
        Column("next_step", lambda row: row.next_step),
        Column("next_step_at", lambda row: row.next_step_at),
        Column("paused", lambda row: row.paused),
        Column("closed_at", lambda row: row.closed_at),
    ),
)
