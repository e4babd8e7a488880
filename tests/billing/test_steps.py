"""What one step of an object's life is worth in the history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.snapshots import CustomerState, InvoiceState, ItemState, Kind, PaymentState, SubscriptionState, known
from billing.steps import effects
from billing.story import SHOWN

T = 1_767_225_600
SUBSCRIPTION = SubscriptionState("sub_1", "cus_1", "active", T, items=(ItemState("si_1", "price_1"),))
INVOICE = InvoiceState("in_1", "cus_1", "sub_1", "open", "usd", T, amount_due=4900, amount_remaining=4900)
ENDING = {"cancel_at_period_end": True, "cancel_at": T + 9, "canceled_at": T}


def told(kind: Kind, old: Any, new: Any) -> list[tuple[str, dict[str, Any] | None, dict[str, Any]]]:
    return [tuple(step) for step in effects(kind, known(old) if old else None, known(new))]


def kinds(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The kinds of a step of a subscription, by the fields that differ from `SUBSCRIPTION`."""
    return [kind for kind, *_ in told(Kind.SUBSCRIPTION, replace(SUBSCRIPTION, **old), replace(SUBSCRIPTION, **new))]


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("incomplete", "active", "activated"),
        ("incomplete", "trialing", "trial_started"),
        ("trialing", "active", "trial_converted"),
        ("active", "trialing", "trial_started"),
        ("active", "past_due", "past_due"),
        ("trialing", "past_due", "past_due"),
        ("past_due", "unpaid", "unpaid"),
        ("past_due", "active", "recovered"),
        ("unpaid", "active", "recovered"),
        ("past_due", "paused", "paused"),
        ("trialing", "paused", "paused"),
        ("paused", "active", "resumed"),
        ("paused", "trialing", "resumed"),
        ("active", "canceled", "ended"),
        ("incomplete", "incomplete_expired", "ended"),
        ("active", "brand_new", "changed"),
        ("brand_new", "active", "changed"),
    ],
)
def test_a_change_of_status_has_its_own_kind(was: str, now: str, kind: str) -> None:
    (step,) = told(Kind.SUBSCRIPTION, replace(SUBSCRIPTION, status=was), replace(SUBSCRIPTION, status=now))
    assert step == (f"subscription.{kind}", {"status": was}, {"status": now})
    assert step[0] in SHOWN


@pytest.mark.parametrize("fields", [ENDING, {"cancel_at": T + 9, "canceled_at": T}, {"cancel_at_period_end": True}])
def test_a_scheduled_end_is_one_however_it_is_written(fields: dict[str, Any]) -> None:
    assert kinds({}, fields) == ["subscription.cancel_scheduled"]
    assert kinds(fields, {}) == ["subscription.cancel_withdrawn"]
    assert kinds(fields, fields | {"cancel_at": T + 99}) == ["subscription.cancel_scheduled"]


def test_an_end_that_comes_as_scheduled_is_an_end_and_nothing_else() -> None:
    assert kinds(ENDING, ENDING | {"status": "canceled", "ended_at": T + 9}) == ["subscription.ended"]


def test_pauses_of_collection_are_not_pauses_of_the_subscription() -> None:
    assert kinds({}, {"pause_behavior": "void"}) == ["subscription.collection_paused"]
    assert kinds({"pause_behavior": "void", "pause_resumes_at": T}, {}) == ["subscription.collection_resumed"]


def test_what_moves_together_is_told_by_effect_and_nothing_is_lost() -> None:
    old = replace(SUBSCRIPTION, status="trialing", trial_end=T + 5)
    new = replace(
        SUBSCRIPTION, **ENDING, status="active", trial_end=T, pause_behavior="void", billing_mode="flexible",
        latest_invoice="in_9",
    )  # fmt: skip
    assert told(Kind.SUBSCRIPTION, old, new) == [
        (
            "subscription.trial_converted",
            {"status": "trialing", "trial_end": T + 5},
            {"status": "active", "trial_end": T},
        ),
        (
            "subscription.cancel_scheduled",
            {"cancel_at_period_end": False, "cancel_at": None, "canceled_at": None},
            ENDING,
        ),
        ("subscription.collection_paused", {"pause_behavior": None}, {"pause_behavior": "void"}),
        ("subscription.changed", {"billing_mode": "classic"}, {"billing_mode": "flexible"}),
    ]


def test_a_renewal_is_not_worth_a_line() -> None:
    assert kinds({"latest_invoice": "in_1", "current_period_end": T}, {"latest_invoice": "in_2"}) == []


@pytest.mark.parametrize("status", ["draft", "paid", "void", "uncollectible", "deleted"])
def test_an_invoices_status_and_amounts(status: str) -> None:
    (step,) = told(Kind.INVOICE, INVOICE, replace(INVOICE, status=status, attempt_count=2))
    assert step == (
        "invoice.status_changed",
        {"status": "open", "attempt_count": 0},
        {"status": status, "attempt_count": 2},
    )


def test_an_invoice_paid_in_part_and_one_that_merely_changes() -> None:
    (step,) = told(Kind.INVOICE, INVOICE, replace(INVOICE, amount_paid=900, amount_remaining=4000))
    assert step == (
        "invoice.partly_paid",
        {"amount_paid": 0, "amount_remaining": 4900},
        {"amount_paid": 900, "amount_remaining": 4000},
    )
    assert told(Kind.INVOICE, INVOICE, replace(INVOICE, attempt_count=3)) == []


def test_a_customer_is_deleted_once() -> None:
    alive, gone = CustomerState("cus_1", name="Ada"), CustomerState("cus_1", name="Ada", deleted=True)
    assert [kind for kind, *_ in told(Kind.CUSTOMER, alive, gone)] == ["customer.deleted"]
    assert [kind for kind, *_ in told(Kind.CUSTOMER, gone, replace(gone, name=None))] == ["customer.changed"]


def test_payments_are_told_by_their_facts() -> None:
    payment = PaymentState("pi_1", "cus_1", "processing", 4900, "usd", T)
    assert told(Kind.PAYMENT, payment, replace(payment, status="succeeded")) == []
