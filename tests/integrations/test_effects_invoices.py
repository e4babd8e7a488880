"""What invoices' events do to billing, in every payload family, from the request to the rows.

Rows of the event table: `invoice.paid`, `invoice.payment_failed`, and the types around them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from billing.money import Money
from pqintel.simulator.render import Family, render_event
from pqintel.simulator.state import TaxRate

from .effects import DAY, Company, company_in, each_family

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(family: Family, settings: Any) -> Iterator[Company]:
    with company_in(family, settings) as found:
        yield found


def latest(company: Company, subscription: str) -> str:
    """The newest invoice of a subscription."""
    return company.account.invoices_of(subscription)[-1].id


def failing(company: Company, *declines: str) -> tuple[str, str, str]:
    """A subscriber whose renewal failed with these declines, a retry each; customer, subscription, invoice."""
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, *declines)
    company.pass_days(31.1)
    for gap in (3, 5, 7)[: len(declines) - 1]:
        company.pass_days(gap)
    return customer, subscription, latest(company, subscription)


@each_family
def test_paid(company: Company) -> None:
    _, subscription, invoice = failing(company, "insufficient_funds")
    company.deliver()
    before = company.subscription(subscription)
    assert (before.payment_status, before.failed_attempts, before.status) == ("failing", 1, "past_due")
    assert company.debt(invoice).open == Money(4900, "usd")
    mark = company.mark()
    company.pass_days(3)
    company.deliver()
    row, after = company.invoice(invoice), company.subscription(subscription)
    assert (row.status, row.amount_paid, row.amount_remaining, row.subscription) == ("paid", 4900, 0, subscription)
    assert (after.payment_status, after.failed_attempts, after.status) == ("paid", 0, "active")
    assert (after.last_paid_at, company.debt(invoice).state) == (row.paid_at, "paid")
    assert company.mrr() == {"usd": ("49.00", 1)}
    (paid,) = company.history("invoice.paid", of=invoice)
    assert paid.event_id == company.event_of("invoice.paid", invoice)
    assert paid.after is not None
    assert (paid.after["amount"], paid.after["currency"], paid.after["subscription"]) == (4900, "usd", subscription)
    assert sorted(company.told_since(mark)) == [
        "customer.changed",  # no longer delinquent
        "invoice.paid",
        "invoice.status_changed",
        "payment.succeeded",
        "subscription.recovered",
    ]
    # The failure stays for analytics.
    assert [(failure.invoice, failure.attempt) for failure in company.failures()] == [(invoice, 1)]


@each_family
def test_payment_failed(company: Company) -> None:
    customer, subscription, invoice = failing(company, "insufficient_funds", "expired_card", "lost_card")
    company.deliver()
    row = company.subscription(subscription)
    assert (row.payment_status, row.failed_attempts, row.status) == ("failing", 3, "past_due")
    first, second, third = company.failures()
    assert [failure.attempt for failure in (first, second, third)] == [1, 2, 3]
    assert {(f.invoice, f.customer, f.subscription, f.amount, f.currency) for f in (first, second, third)} == {
        (invoice, customer, subscription, 4900, "usd")
    }
    assert [(f.decline_code, f.decline) for f in (first, second, third)] == [
        ("insufficient_funds", "soft"),
        ("expired_card", "card"),
        ("lost_card", "hard"),
    ]
    assert [f.charge for f in (first, second, third)] == [
        charge.id for charge in company.account.charges.values() if charge.status == "failed"
    ]
    retry = first.next_payment_attempt
    assert retry is not None
    assert (retry.timestamp() - first.happened_at.timestamp(), third.next_payment_attempt) == (3 * DAY, None)
    assert [f.invoice_event for f in (first, second, third)] == [
        company.event_of("invoice.payment_failed", invoice, nth) for nth in range(3)
    ]
    assert [f.payment_event for f in (first, second, third)] == [
        company.event_of("payment_intent.payment_failed", str(first.payment), nth) for nth in range(3)
    ]
    (line, *_) = company.history("invoice.payment_failed", of=invoice)
    assert line.after is not None
    assert (line.event_id, line.after["attempt_count"]) == (first.invoice_event, 1)


@each_family
def test_the_customer_must_confirm(company: Company) -> None:
    _, subscription, invoice = failing(company, "authentication_required")
    company.deliver(without=("payment_intent.payment_failed",))
    assert company.subscription(subscription).payment_status == "action_required"
    (failure,) = company.failures()
    assert (failure.invoice, failure.decline, failure.payment_event) == (invoice, "authentication", None)
    (asked,) = company.history("invoice.payment_action_required", of=invoice)
    assert asked.event_id == company.event_of("invoice.payment_action_required", invoice)


@each_family
def test_the_whole_life_of_a_bill(company: Company) -> None:
    customer, _ = company.subscriber()
    draft = company.account.invoice_once(
        customer,
        10_000,
        collection_method="send_invoice",
        tax_rates=(TaxRate(id="txr_1", percentage=Decimal(19)),),
        finalize=False,
    ).id
    company.deliver()
    assert (company.invoice(draft).status, company.debt(draft).state) == ("draft", "not_due")
    company.pass_days(1)
    company.account.finalize_invoice(draft)
    company.deliver()
    row = company.invoice(draft)
    assert (row.status, row.subtotal, row.tax, row.total) == ("open", 10_000, 1_900, 11_900)
    assert (row.amount_due, row.subscription, company.debt(draft).owed) == (11_900, None, True)
    assert row.due_date is not None
    company.pass_days(1)
    company.account.mark_uncollectible(draft)
    company.deliver()
    assert (company.invoice(draft).status, company.debt(draft).state) == ("uncollectible", "written_off")
    company.pass_days(1)
    company.account.pay_invoice(draft, out_of_band=True)
    company.deliver()
    paid = company.invoice(draft)
    assert (paid.status, paid.amount_paid, company.debt(draft).state) == ("paid", 11_900, "paid")
    steps = company.history("invoice.status_changed", of=draft)
    assert [line.after and line.after["status"] for line in steps] == ["draft", "open", "uncollectible", "paid"]
    # Paid from outside Stripe: there is a fact, and no payment that succeeded.
    assert len(company.history("invoice.paid", of=draft)) == 1
    payment = company.account.invoices[draft].payment_intent
    assert payment is not None
    assert (company.payment(payment).status, company.history("payment.succeeded", of=payment)) == ("canceled", [])


@each_family
def test_voided(company: Company) -> None:
    _, subscription, invoice = failing(company, "do_not_honor")
    company.account.void_invoice(invoice)
    company.deliver()
    row = company.subscription(subscription)
    assert (company.invoice(invoice).status, row.payment_status, row.failed_attempts) == ("void", "void", 0)
    assert (row.status, company.debt(invoice).state) == ("active", "voided")


@each_family
def test_written_off(company: Company) -> None:
    _, subscription, invoice = failing(company, "do_not_honor")
    company.account.mark_uncollectible(invoice)
    company.deliver()
    row = company.subscription(subscription)
    assert (row.payment_status, row.failed_attempts) == ("written_off", 0)
    assert company.debt(invoice).state == "written_off"


@each_family
def test_credit_pays_an_invoice_by_itself(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.account.update_customer(customer, balance=-6000)
    company.pass_days(31.1)
    company.deliver()
    invoice = latest(company, subscription)
    row = company.invoice(invoice)
    assert (row.status, row.total, row.amount_due, row.amount_paid) == ("paid", 4900, 0, 0)
    (paid,) = company.history("invoice.paid", of=invoice)
    assert paid.after is not None
    assert paid.after["amount"] == 0
    assert (company.subscription(subscription).payment_status, company.mrr()) == ("paid", {"usd": ("49.00", 1)})


@each_family
def test_retries_end_and_the_subscription_with_them(company: Company, family: Family) -> None:
    customer, subscription, invoice = failing(company, *["insufficient_funds"] * 4)
    company.pass_days(1)
    company.deliver()
    assert company.subscription(subscription).status == "canceled"
    # Until 2022 the payload does not say why it ended.
    assert company.debt(invoice).state == ("lost" if family.invoice_extras else "cancelled")
    assert [failure.attempt for failure in company.failures()] == [1, 2, 3, 4]
    assert company.access(customer).tier == "free"


def reshaped(company: Company, event_id: str, event_type: str, **changes: Any) -> bytes:
    """The newest event of an invoice as it would be had the invoice these values: what the simulator cannot do."""
    newest = next(e for e in reversed(company.account.events) if e.kind == "invoice")
    told = render_event(newest, company.family)
    told["data"] = {"object": {**told["data"]["object"], **changes}}
    return json.dumps({**told, "id": event_id, "type": event_type, "created": newest.created + 60}).encode()


@each_family
def test_paid_in_part(company: Company) -> None:
    customer, _ = company.subscriber()
    bill = company.account.invoice_once(customer, 10_000, collection_method="send_invoice").id
    company.deliver()
    assert (
        company.post(reshaped(company, "evt_part", "invoice.updated", amount_paid=4000, amount_remaining=6000)) == 200
    )
    company.process()
    assert (company.invoice(bill).status, company.invoice(bill).amount_paid) == ("open", 4000)
    assert (company.debt(bill).owed, company.debt(bill).open) == (True, Money(6000, "usd"))
    (line,) = company.history("invoice.partly_paid", of=bill)
    assert (line.event_id, line.before, line.after) == (
        "evt_part",
        {"amount_paid": 0, "amount_remaining": 10_000},
        {"amount_paid": 4000, "amount_remaining": 6000},
    )


@each_family
def test_a_draft_thrown_away(company: Company) -> None:
    customer, _ = company.subscriber()
    draft = company.account.invoice_once(customer, 10_000, finalize=False).id
    company.deliver()
    assert company.post(reshaped(company, "evt_gone", "invoice.deleted")) == 200
    company.process()
    assert (company.invoice(draft).status, company.debt(draft).state) == ("deleted", "not_due")
    last = company.history("invoice.status_changed", of=draft)[-1]
    assert (last.event_id, last.before, last.after) == ("evt_gone", {"status": "draft"}, {"status": "deleted"})
