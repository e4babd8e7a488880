"""What subscriptions' events do to billing, in every payload family, from the request to the rows.

Rows of the event table: `customer.subscription.created`, `.updated`, `.deleted`, and the types around them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pqintel.simulator.render import Family

from .effects import DAY, Company, company_in, each_family

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(family: Family, settings: Any) -> Iterator[Company]:
    with company_in(family, settings) as found:
        yield found


@each_family
def test_created(company: Company) -> None:
    customer, subscription = company.subscriber(quantity=3)
    company.deliver()
    row = company.subscription(subscription)
    assert (row.customer, row.status, row.currency, row.payment_status) == (customer, "active", "usd", "paid")
    assert [(item["price"], item["quantity"]) for item in row.items] == [(company.price.id, 3)]
    assert company.mrr() == {"usd": ("147.00", 1)}
    (started,) = company.history("subscription.started", of=subscription)
    assert started.event_id == company.event_of("customer.subscription.created", subscription)
    assert (int(started.happened_at.timestamp()), started.before) == (company.account.now, None)
    assert started.after is not None
    assert started.after["status"] == "active"
    assert started.learnt_at > started.happened_at
    access = company.access(customer)
    assert (access.tier, access.seats, access.allows("api_access")) == ("growth", 20, True)
    assert access.cause == started.event_id


@each_family
def test_updated(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.deliver()
    mark = company.mark()
    company.pass_days(1)
    company.account.change(subscription, price=company.bigger.id, quantity=2, proration="none")
    company.deliver()
    row = company.subscription(subscription)
    assert [(item["price"], item["quantity"]) for item in row.items] == [(company.bigger.id, 2)]
    assert company.mrr() == {"usd": ("198.00", 1)}
    (changed,) = company.history("subscription.changed", of=subscription)
    assert changed.event_id == company.event_of("customer.subscription.updated", subscription)
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["items"][0]["price"], changed.after["items"][0]["price"]) == (
        company.price.id,
        company.bigger.id,
    )
    assert (company.access(customer).tier, company.access(customer).cause) == ("scale", changed.event_id)
    assert company.told_since(mark) == ["subscription.changed", "access.upgraded"]
    company.pass_days(1)
    company.account.change(subscription, price=company.price.id, quantity=1, proration="none")
    company.deliver()
    assert (company.access(customer).tier, company.access(customer).allows("single_sign_on")) == ("growth", False)


@each_family
def test_deleted(company: Company) -> None:
    customer, subscription = company.subscriber()
    company.pass_days(3)
    company.account.cancel(subscription)
    company.deliver()
    row = company.subscription(subscription)
    assert (row.status, row.ended_at and int(row.ended_at.timestamp())) == ("canceled", company.account.now)
    assert company.mrr() == {}
    (ended,) = company.history("subscription.ended", of=subscription)
    assert ended.event_id == company.event_of("customer.subscription.deleted", subscription)
    assert ended.before is not None
    assert (ended.before["status"], int(ended.happened_at.timestamp())) == ("active", company.account.now)
    access = company.access(customer)
    assert (access.tier, access.cause, access.allows("api_access")) == ("free", ended.event_id, False)


@each_family
@pytest.mark.parametrize("portal", [False, True], ids=["by period", "by the portal"])
def test_a_cancellation_is_scheduled_withdrawn_and_happens(company: Company, portal: bool) -> None:
    """The portal sets only `cancel_at` for flexible subscriptions (bug 7)."""
    customer, subscription = company.subscriber(billing_mode="flexible" if portal else "classic")
    company.deliver()
    company.pass_days(2)
    company.account.schedule_cancel(subscription, portal=portal)
    company.deliver()
    row = company.subscription(subscription)
    assert (row.status, row.cancel_at_period_end) == ("active", not portal)
    assert row.cancel_at is not None
    assert company.mrr() == {"usd": ("49.00", 1)}
    assert company.access(customer).tier == "growth"
    company.pass_days(1)
    company.account.undo_cancel(subscription)
    company.pass_days(1)
    company.account.schedule_cancel(subscription, portal=portal)
    company.pass_days(31)
    company.deliver()
    assert company.subscription(subscription).status == "canceled"
    assert [line.kind for line in company.history(of=subscription)] == [
        "subscription.started",
        "subscription.cancel_scheduled",
        "subscription.cancel_withdrawn",
        "subscription.cancel_scheduled",
        "subscription.ended",
    ]
    assert company.access(customer).tier == "free"


@each_family
def test_a_trial_is_announced_ends_and_is_paid_for(company: Company) -> None:
    customer, subscription = company.subscriber(trial_days=7)
    company.deliver()
    row = company.subscription(subscription)
    # The trial's own invoice is over nothing, and paid by itself.
    assert (row.status, row.payment_status, row.failed_attempts) == ("trialing", "paid", 0)
    assert (company.mrr(), company.access(customer).tier) == ({"usd": ("0.00", 0)}, "growth")
    company.pass_days(8)
    company.deliver()
    assert company.subscription(subscription).status == "active"
    assert company.mrr() == {"usd": ("49.00", 1)}
    assert [line.kind for line in company.history(of=subscription)] == [
        "subscription.started",
        "subscription.trial_will_end",
        "subscription.trial_converted",
    ]
    (notice,) = company.history("subscription.trial_will_end")
    assert notice.after == {"trial_end": company.account.start + 7 * DAY}


@each_family
def test_collection_is_paused_and_resumed_while_the_status_stays(company: Company) -> None:
    _, subscription = company.subscriber()
    company.pass_days(1)
    company.account.pause(subscription, "void")
    company.deliver()
    assert company.subscription(subscription).pause_behavior == "void"
    assert company.mrr() == {}
    company.pass_days(1)
    company.account.resume(subscription)
    company.deliver()
    assert company.subscription(subscription).pause_behavior is None
    assert company.mrr() == {"usd": ("49.00", 1)}
    assert [line.kind for line in company.history(of=subscription)][1:] == [
        "subscription.collection_paused",
        "subscription.collection_resumed",
    ]


@each_family
def test_the_status_paused_takes_access_until_it_is_resumed(company: Company) -> None:
    customer = company.account.create_customer(name="Ada", card=False).id
    subscription = company.account.subscribe(customer, [company.price.id], trial_days=7, trial_end_behavior="pause").id
    company.pass_days(8)
    company.deliver()
    assert company.subscription(subscription).status == "paused"
    assert company.access(customer).tier == "free"
    company.account.replace_card(customer)
    company.account.resume(subscription)
    company.deliver()
    assert (company.subscription(subscription).status, company.access(customer).tier) == ("active", "growth")
    kinds = [line.kind for line in company.history(of=subscription)]
    assert kinds[-2:] == ["subscription.paused", "subscription.resumed"]


@each_family
def test_a_deleted_customer_ends_everything_and_owes_nothing(company: Company) -> None:
    customer, subscription = company.subscriber()
    bill = company.account.invoice_once(customer, 2500, collection_method="send_invoice")
    company.deliver()
    assert company.debt(bill.id).owed
    company.pass_days(1)
    company.account.delete_customer(customer)
    company.deliver()
    assert (company.customer(customer).deleted, company.customer(customer).name) == (True, "Ada Lovelace")
    assert (company.subscription(subscription).status, company.mrr()) == ("canceled", {})
    assert company.debt(bill.id).state == "customer_deleted"
    (line,) = company.history("customer.deleted")
    assert (line.customer, line.event_id) == (customer, company.event_of("customer.deleted", customer))
