"""What a completed checkout does to billing, in every payload family, whether its event comes first or last.

Row of the event table: `checkout.session.completed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from billing.models import Checkout
from pqintel.simulator.render import Family
from pqintel.workspaces.tenancy import scoped_transaction

from .effects import Company, company_in, each_family

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(family: Family, settings: Any) -> Iterator[Company]:
    with company_in(family, settings) as found:
        yield found


def bought(company: Company, **terms: Any) -> tuple[str, str, str]:
    """A visitor who subscribed by Checkout: session, customer, subscription."""
    session = company.account.checkout(
        company.price.id, name="Ada Lovelace", email="ada@example.com", client_reference_id="workspace-42", **terms
    )
    assert session.customer
    assert session.subscription
    return session.id, session.customer, session.subscription


def checkout(company: Company) -> Checkout:
    with scoped_transaction(company.workspace):
        return Checkout.objects.get()


@each_family
def test_completed(company: Company) -> None:
    session, customer, subscription = bought(company)
    company.deliver()
    row = checkout(company)
    assert (row.stripe_id, row.customer, row.subscription) == (session, customer, subscription)
    assert (row.status, row.payment_status, row.kind) == ("complete", "paid", "subscription")
    assert (row.client_reference_id, row.amount_total, row.currency) == ("workspace-42", 4900, "usd")
    assert (company.customer(customer).name, company.customer(customer).email) == ("Ada Lovelace", "ada@example.com")
    assert company.subscription(subscription).customer == customer
    assert (company.mrr(), company.access(customer).tier) == ({"usd": ("49.00", 1)}, "growth")
    (line,) = company.history("checkout.completed")
    assert (line.object_id, line.customer) == (session, customer)
    assert line.event_id == company.event_of("checkout.session.completed", session)
    assert line.after is not None
    assert (line.after["subscription"], line.after["client_reference_id"]) == (subscription, "workspace-42")


@each_family
def test_first_of_all_it_makes_the_customer(company: Company, family: Family) -> None:
    session, customer, subscription = bought(company)
    parcels = company.waiting()
    first = [p for p in parcels if p.event_id == company.event_of("checkout.session.completed", session)]
    company.send(first)
    company.process()
    known = company.customer(customer)
    # Until 2022 the visitor's name is not in the payload.
    assert (known.email, known.name) == ("ada@example.com", "Ada Lovelace" if family.invoice_extras else None)
    assert (known.position, company.access(customer).known) == (-1, True)
    assert checkout(company).subscription == subscription
    company.send(parcels)
    company.process()
    assert company.customer(customer).name == "Ada Lovelace"
    assert company.access(customer).tier == "growth"
    assert len(company.history("checkout.completed")) == 1


@each_family
def test_without_the_customers_own_event_the_reading_completes_it(company: Company) -> None:
    _, customer, _ = bought(company)
    company.deliver(without=("customer.created", "customer.updated"))
    assert company.customer(customer).email == "ada@example.com"
    company.answer_reads()
    assert (company.customer(customer).name, company.customer(customer).sure) == ("Ada Lovelace", True)


@each_family
def test_declined_tries_count_once_each_and_are_over_when_it_succeeds(company: Company) -> None:
    _, _, subscription = bought(company, declines=["insufficient_funds", "expired_card"])
    company.deliver(shuffle=3)
    row = company.subscription(subscription)
    assert (row.status, row.payment_status, row.failed_attempts) == ("active", "paid", 0)
    assert [failure.attempt for failure in company.failures()] == [1, 2]
    assert sorted(str(failure.decline_code) for failure in company.failures()) == ["expired_card", "insufficient_funds"]


@each_family
def test_an_abandoned_one_makes_nobody_a_customer(company: Company) -> None:
    company.account.open_checkout(company.price.id)
    company.pass_days(2)
    company.deliver()
    assert (checkout(company).status, checkout(company).customer) == ("expired", None)
    assert (company.mrr(), company.history("checkout.completed")) == ({}, [])
