"""What payments' events do to billing, in every payload family, from the request to the rows.

Rows of the event table: `payment_intent.succeeded`, `payment_intent.payment_failed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from billing.models import PaymentLink
from pqintel.simulator.render import Family
from pqintel.workspaces.tenancy import scoped_transaction

from .effects import Company, company_in, each_family

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(family: Family, settings: Any) -> Iterator[Company]:
    with company_in(family, settings) as found:
        yield found


def links(company: Company) -> list[tuple[str, str]]:
    with scoped_transaction(company.workspace):
        return sorted(PaymentLink.objects.values_list("invoice", "payment"))


def told_links(company: Company) -> list[tuple[str, str]]:
    """What Stripe knows: which payment was made for which invoice."""
    return sorted((p.invoice, p.id) for p in company.account.payment_intents.values() if p.invoice)


@each_family
def test_succeeded(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.deliver()
    company.answer_reads()
    ((invoice, payment),) = told_links(company)
    assert links(company) == [(invoice, payment)]
    row = company.payment(payment)
    assert (row.customer, row.status, row.amount, row.amount_received) == (customer, "succeeded", 4900, 4900)
    assert (row.charge, row.decline_code) == (company.account.payment_intents[payment].latest_charge, None)
    (received,) = company.history("payment.succeeded", of=payment)
    assert received.event_id == company.event_of("payment_intent.succeeded", payment)
    assert received.after is not None
    assert (received.after["amount"], received.after["currency"]) == (4900, "usd")
    assert company.subscription(subscription).payment_status == "paid"


@each_family
def test_succeeded_confirms_what_the_invoice_has_not_said_yet(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, "insufficient_funds")
    company.pass_days(31.1)
    company.deliver()
    company.answer_reads()
    assert company.subscription(subscription).payment_status == "failing"
    company.account.mend_card(customer)
    company.pass_days(3)
    # Neither the invoice nor the subscription has a word through.
    company.deliver(without=("invoice.", "invoice_payment.", "customer."))
    invoice = company.account.invoices_of(subscription)[-1].id
    row = company.subscription(subscription)
    assert (company.invoice(invoice).status, row.payment_status, row.failed_attempts) == ("open", "paid", 0)
    assert company.debt(invoice).state == "paid"


@each_family
def test_failed(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, "stolen_card")
    company.pass_days(31.1)
    company.deliver(without=("invoice.payment_failed",))
    company.answer_reads()
    (failure,) = company.failures()
    payment = str(failure.payment)
    reason = company.account.payment_intents[payment].last_payment_error
    assert reason is not None
    assert (failure.customer, failure.amount, failure.currency) == (customer, 4900, "usd")
    assert (failure.code, failure.decline_code, failure.decline) == ("card_declined", "stolen_card", "hard")
    assert (failure.charge, failure.message, failure.reason) == (reason.charge, reason.message, "stolen card")
    assert (failure.invoice_event, failure.payment_event) == (
        None,
        company.event_of("payment_intent.payment_failed", payment),
    )
    row = company.payment(payment)
    assert (row.status, row.decline_code) == ("requires_payment_method", "stolen_card")
    (declined,) = company.history("payment.failed", of=payment)
    assert declined.after is not None
    assert (declined.after["decline_code"], declined.after["decline"]) == ("stolen_card", "hard")
    # Its invoice's own event comes late, and is told of the same attempt.
    company.send(p for p in company.stripe.parcels() if p.event_id == company.event_of_type("invoice.payment_failed"))
    company.process()
    (failure,) = company.failures()
    assert (failure.payment, failure.subscription, failure.attempt) == (payment, subscription, 1)
    assert company.subscription(subscription).failed_attempts == 1


@each_family
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_failures_are_counted_once_in_any_order_with_copies(company: Company, seed: int) -> None:
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, "insufficient_funds", "insufficient_funds")
    company.pass_days(31.1)
    company.account.pay_invoice(company.account.invoices_of(subscription)[-1].id)  # by hand: Stripe does not count it
    company.account.decline_next(customer, "do_not_honor")
    company.pass_days(3)
    company.deliver(shuffle=seed, copies=2)
    assert [failure.attempt for failure in company.failures()] == [1, 2, 3]
    assert all(failure.invoice_event and failure.payment_event for failure in company.failures())
    row = company.subscription(subscription)
    assert (row.failed_attempts, row.payment_status) == (3, "failing")


@each_family
def test_a_payment_without_an_invoice(company: Company) -> None:
    customer, _ = company.subscriber()
    company.account.decline_next(customer, "expired_card")
    payment = company.account.take_payment(customer, 1500).id
    company.deliver()
    (failure,) = company.failures()
    assert (failure.invoice, failure.payment, failure.subject, failure.attempt) == (None, payment, payment, 1)
    assert (failure.amount, failure.decline) == (1500, "card")
    company.account.retry_payment(payment)
    company.deliver()
    assert company.payment(payment).status == "succeeded"
    assert company.history("payment.succeeded", of=payment)[0].after is not None
