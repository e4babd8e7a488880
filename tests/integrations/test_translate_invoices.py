"""Invoices, payments and checkouts: shapes and traps that the common story does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from billing.snapshots import UNKNOWN, PaymentState

from .shapes import invoice, invoice_state, learn, payment

# Invoices ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        {"subscription": "sub_1"},
        {"subscription": {"id": "sub_1", "object": "subscription"}},
        {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}},
        {"parent": None, "lines": {"data": [{"id": "a"}, {"subscription": "sub_1"}]}},
        {"lines": {"data": [{"parent": {"subscription_item_details": {"subscription": "sub_1"}}}]}},
    ],
)
def test_where_an_invoice_names_its_subscription(shape: dict[str, Any]) -> None:
    assert invoice_state(**shape).subscription == "sub_1"


@pytest.mark.parametrize(
    "shape",
    [{}, {"parent": None}, {"parent": {"quote_details": {"quote": "qt_1"}}}, {"lines": {"data": [{"id": "a"}]}}],
)
def test_an_invoice_for_no_subscription_is_no_error(shape: dict[str, Any]) -> None:
    assert invoice_state(subscription=None, **shape).subscription is None


def test_null_next_attempt_and_an_attempt_that_was_not_counted() -> None:
    """attempt_count may be 0 after an attempt; null next_payment_attempt on a failure = none known."""
    failed = learn(
        "invoice.payment_failed",
        invoice(amount_due=900, attempted=True, attempt_count=0, next_payment_attempt=None, payment_intent="pi_1"),
    )
    (fact,) = failed.facts
    assert (fact.detail["attempt_count"], fact.detail["next_payment_attempt"], fact.detail["amount"]) == (0, None, 900)
    assert failed.links == (("in_1", "pi_1"),)
    assert failed.wanted == ()


def test_payments_of_an_expanded_invoice() -> None:
    payments = {
        "data": [{"payment": {"type": "payment_intent", "payment_intent": name}} for name in ("pi_1", {"id": "pi_2"})]
    }
    learned = learn("invoice.paid", invoice(amount_paid=5, payments=payments))
    assert learned.links == (("in_1", "pi_1"), ("in_1", "pi_2"))
    assert learned.wanted == ()


def test_nothing_paid_no_payment_wanted() -> None:
    assert learn("invoice.paid", invoice(amount_paid=0)).wanted == ()
    assert learn("invoice.paid", invoice(amount_paid=1)).wanted == (("invoice_payments", "in_1"),)
    assert learn("invoice.updated", invoice(amount_paid=1)).wanted == ()


def test_a_payments_own_link_event() -> None:
    linked = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    }
    learned = learn("invoice_payment.paid", linked)
    assert (learned.links, learned.snapshots) == ((("in_1", "pi_1"),), ())
    assert learn("invoice_payment.paid", linked | {"payment": {"type": "charge", "charge": "ch_1"}}).links == ()


def test_paid_without_a_status() -> None:
    assert invoice_state(paid=True).status == "paid"
    assert invoice_state(paid=False).status is None
    assert invoice_state(status="open", paid=False).status == "open"


def test_a_deleted_draft() -> None:
    assert invoice_state("invoice.deleted", status="draft").status == "deleted"


def test_tax_of_every_shape() -> None:
    assert invoice_state(total_taxes=[{"amount": 3}, {"amount": 4}]).tax == 7
    assert invoice_state(tax=None, total_tax_amounts=[{"amount": 3}]).tax == 3
    assert invoice_state(total_taxes=[]).tax == 0
    assert invoice_state(total_taxes=None).tax == 0
    assert invoice_state(tax=None).tax == 0
    assert invoice_state(tax=9).tax == 9
    assert invoice_state().tax is UNKNOWN


def test_the_service_period_leaves_prorations_out() -> None:
    def line(start: int, end: int, **fields: Any) -> dict[str, Any]:
        return {"period": {"start": start, "end": end}} | fields

    prorated = {"parent": {"subscription_item_details": {"proration": True}}}
    state = invoice_state(lines={"data": [line(20, 50), line(30, 60), line(1, 99, **prorated)]}, period_start=7)
    assert (state.period_start, state.period_end) == (20, 60)
    state = invoice_state(lines={"data": [line(1, 99, proration=True)]})
    assert (state.period_start, state.period_end) == (1, 99)
    assert invoice_state(period_start=7, period_end=8).period_start is None


# Payments and checkouts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "invoice_id"),
    [
        ({"invoice": "in_1"}, "in_1"),
        ({"payment_details": {"order_reference": "in_1AdaSecondMonth000000000"}}, "in_1AdaSecondMonth000000000"),
        ({"payment_details": {"order_reference": "in_00000000000000"}}, "in_00000000000000"),
        ({"payment_details": {"order_reference": "in_1AdaSecondMonth0000000"}}, None),  # cut to 25 characters
        ({"payment_details": {"order_reference": "order-1"}}, None),
        ({"payment_details": {"order_reference": "in_ a free text"}}, None),
        ({"payment_details": None}, None),
        ({"invoice": None}, None),
    ],
)
def test_where_a_payment_names_its_invoice(shape: dict[str, Any], invoice_id: str | None) -> None:
    learned = learn("payment_intent.succeeded", payment(**shape))
    assert learned.links == (((invoice_id, "pi_1"),) if invoice_id else ())
    assert learned.facts[0].detail["invoice"] == invoice_id


def test_the_newest_of_several_charges() -> None:
    state = learn("payment_intent.succeeded", payment(charges={"data": [{"id": "ch_2"}, {"id": "ch_1"}]})).snapshots[0]
    assert state.state == PaymentState("pi_1", "cus_1", "succeeded", 500, "usd", 1, charge="ch_2")
    unknown = learn("payment_intent.created", payment()).snapshots[0].state
    assert unknown == PaymentState("pi_1", "cus_1", "succeeded", 500, "usd", 1, charge=UNKNOWN)


@pytest.mark.parametrize(
    ("error", "decline"),
    [
        ({"code": "card_declined", "decline_code": "stolen_card"}, "hard"),
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "soft"),
        ({"code": "card_declined", "decline_code": "do_not_honor"}, "soft"),
        ({"code": "expired_card"}, "card"),
        ({"code": "incorrect_cvc", "decline_code": "incorrect_cvc"}, "card"),
        ({"code": "authentication_required", "decline_code": "authentication_required"}, "authentication"),
        ({"code": "authentication_required", "advice_code": "try_again_later"}, "authentication"),
        ({"code": "card_declined", "decline_code": "generic_decline", "advice_code": "do_not_try_again"}, "hard"),
        ({"code": "card_declined", "decline_code": "generic_decline", "advice_code": "confirm_card_data"}, "card"),
        ({"code": "card_declined", "decline_code": "lost_card", "advice_code": "try_again_later"}, "soft"),
        ({"code": "card_declined", "decline_code": "lost_card", "advice_code": "new_advice"}, "hard"),
        ({"code": "new_code"}, "soft"),
        (None, "soft"),
    ],
)
def test_what_a_decline_means(error: dict[str, str] | None, decline: str) -> None:
    (fact,) = learn("payment_intent.payment_failed", payment(last_payment_error=error)).facts
    assert fact.detail["decline"] == decline


def test_a_checkout_of_one_payment_links_its_invoice() -> None:
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "invoice": "in_1",
        "payment_intent": "pi_1",
        "customer": None,
    }
    learned = learn("checkout.session.completed", session)
    assert learned.links == (("in_1", "pi_1"),)
    assert (learned.facts[0].customer, learned.facts[0].detail["mode"]) == (None, "payment")
    expired = learn("checkout.session.expired", session).snapshots[0].state
    assert expired.status == "expired"  # type: ignore[union-attr]
