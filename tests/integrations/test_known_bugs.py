"""Thirteen bugs that other programs have had with Stripe's events, each with its way of not happening here.

Named after their numbers in the list of real-world bugs that this project keeps; what they link to are public reports.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing.models import Customer, HistoryEntry, PaymentLink, Subscription
from integrations.models import InboxEvent, Read, RefusedDelivery
from integrations.stripe.drain import drain
from integrations.stripe.refusals import refusals
from integrations.stripe.signature import sign
from pqintel.simulator.delivery import Parcel
from pqintel.simulator.render import NEWEST, family_of, render_event, render_object
from pqintel.workspaces.tenancy import scoped_transaction

from .effects import DAY, Company, company_in
from .lanes import event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(settings: Any) -> Iterator[Company]:
    with company_in(NEWEST, settings) as found:
        yield found


@pytest.fixture
def told_in(settings: Any, request: pytest.FixtureRequest) -> Iterator[Company]:
    """A company told in the version that the test is parametrized with."""
    with company_in(family_of(request.param), settings) as found:
        yield found


def by_type(company: Company, event_type: str) -> list[Parcel]:
    """The parcels of a type, oldest first, as they would be sent."""
    ids = {e.id for e in company.account.events if e.type == event_type}
    return [parcel for parcel in company.stripe.parcels() if parcel.event_id in ids]


def test_bug_01_updated_before_created_does_not_regress_the_status(company: Company) -> None:
    """laravel/cashier-stripe #1201, #1759: created, handled last, made the subscription incomplete again."""
    customer = company.account.create_customer(name="Ada")
    subscription = company.account.subscribe(customer.id, [company.price.id], payment="later").id
    company.account.pay_invoice(company.account.invoices_of(subscription)[-1].id)  # within the same second
    (created,), updated = (
        by_type(company, "customer.subscription.created"),
        by_type(company, "customer.subscription.updated"),
    )
    assert json.loads(created.body)["data"]["object"]["status"] == "incomplete"
    for parcel in (*updated, created):
        company.send([parcel])
        company.process()
    assert company.subscription(subscription).status == "active"


@pytest.mark.parametrize("backwards", [False, True])
def test_bug_02_of_a_tie_within_one_second_the_newer_state_stays(company: Company, backwards: bool) -> None:
    """stripe/sync-engine #268, PostHog #98651: `created` has whole seconds, and the newer event was dropped."""
    _, subscription = company.subscriber()
    for quantity in (2, 7, 4):
        company.account.change(subscription, quantity=quantity, proration="none")
    assert len({e.created for e in company.account.events}) == 1
    parcels = company.waiting()
    for parcel in reversed(parcels) if backwards else parcels:
        company.send([parcel])
        company.process()
    row = company.subscription(subscription)
    assert ([item["quantity"] for item in row.items], row.sure) == ([4], True)


def test_bug_03_concurrent_deliveries_of_one_object_make_one_row(company: Company) -> None:
    """laravel/cashier-stripe #1678: two requests inserted the same customer and subscription."""
    company.subscriber()
    parcels = company.waiting()

    def deliver_and_work() -> None:
        try:
            company.send(parcels)
            while drain(company.lane.number).events:
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver_and_work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    company.process()
    with scoped_transaction(company.workspace):
        assert (Customer.objects.count(), Subscription.objects.count()) == (1, 1)
        assert HistoryEntry.objects.filter(kind="subscription.started").count() == 1
        assert HistoryEntry.objects.filter(kind="invoice.paid").count() == 1
        assert InboxEvent.objects.count() == len(parcels)


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """The database refuses new rows of a table: what was to be written there fails."""
    with connection.as_owner(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END $$"
        )
        cursor.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()")
    try:
        yield
    finally:
        with connection.as_owner(), connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"DROP TRIGGER refuse ON {table}")
            cursor.execute("DROP FUNCTION refuse()")


def test_bug_04_a_failed_event_is_not_taken_for_a_duplicate_when_it_comes_again(company: Company) -> None:
    """dj-stripe #832: the event's row was saved, its handler failed, and Stripe's retry was ignored as known."""
    _, subscription = company.subscriber()
    (created,) = by_type(company, "customer.subscription.created")
    with refusing("billing_subscription"):
        company.send([created])
        drain(company.lane.number)
        assert company.lane.states() == {created.event_id: "quarantined"}
    company.send([created])
    company.process()
    assert company.lane.states() == {created.event_id: "done"}
    assert company.subscription(subscription).status == "active"


@pytest.mark.parametrize("told_in", ["2025-02-24.acacia", "2025-03-31.basil"], indirect=True)
def test_bug_05_the_period_is_known_wherever_it_stands(told_in: Company) -> None:
    """dj-stripe #2196: the billing period moved from the subscription to its items."""
    _, subscription = told_in.subscriber()
    told_in.deliver()
    row, truth = told_in.subscription(subscription), told_in.account.subscriptions[subscription]
    assert row.current_period_start is not None
    assert row.current_period_end is not None
    assert (row.current_period_start.timestamp(), row.current_period_end.timestamp()) == (
        truth.items[0].current_period_start,
        truth.items[0].current_period_end,
    )


@pytest.mark.parametrize("told_in", ["2025-03-31.basil", "2025-09-30.clover", "2026-10-28.endive"], indirect=True)
def test_bug_06_payments_find_their_invoice_though_no_event_names_it(told_in: Company) -> None:
    """stripe-python #1514: the payment intent no longer has its invoice, and the invoice no payment intent."""
    customer, subscription = told_in.subscriber()
    told_in.account.decline_next(customer, "insufficient_funds")
    told_in.pass_days(31.1)
    told_in.deliver(without=("invoice_payment.",))  # not among the eight events that an endpoint must select
    (failure,) = told_in.failures()
    assert (failure.subscription, failure.decline_code, failure.attempt_count) == (
        subscription,
        "insufficient_funds",
        1,
    )
    told_in.answer_reads()
    with scoped_transaction(told_in.workspace):
        links = set(PaymentLink.objects.values_list("invoice", "payment"))
    assert links == {(p.invoice, p.id) for p in told_in.account.payment_intents.values()}
    assert len(links) == 2
    assert [f.payment_event for f in told_in.failures()] == [failure.payment_event]


def test_bug_07_a_cancellation_by_the_portal_is_seen(company: Company) -> None:
    """stripe-node #2470: for flexible subscriptions the portal sets `cancel_at` and leaves `cancel_at_period_end`."""
    _, subscription = company.subscriber(billing_mode="flexible")
    company.pass_days(1)
    company.account.schedule_cancel(subscription, portal=True)
    company.deliver()
    row = company.subscription(subscription)
    assert (row.cancel_at_period_end, row.cancel_at == row.current_period_end) == (False, True)
    assert [line.kind for line in company.history(of=subscription)][-1] == "subscription.cancel_scheduled"


def test_bug_08_more_than_ten_items_all_count(company: Company) -> None:
    """dj-stripe #1052: embedded lists hold the first ten entries."""
    product = company.account.create_product("Seats")
    prices = [company.account.create_price(product.id, 1000 + number).id for number in range(12)]
    customer = company.account.create_customer(name="Ada")
    subscription = company.account.subscribe(customer.id, prices).id
    company.deliver()
    company.answer_reads()
    assert len(company.subscription(subscription).items) == 12
    truth = company.stripe.truth.as_dict()
    assert company.mrr() == {"usd": (truth["usd"]["mrr"], 1)} == {"usd": ("120.66", 1)}
    invoice = company.account.invoices_of(subscription)[-1]
    assert (company.invoice(invoice.id).subscription, company.invoice(invoice.id).total) == (subscription, 12_066)


def test_bug_09_objects_that_stripe_does_not_have_any_more_make_no_loop(company: Company) -> None:
    """dj-stripe #2211: a webhook about an object whose relative was deleted was answered 500, and came for days."""
    invoice = {
        "id": "in_orphan",
        "object": "invoice",
        "customer": "cus_gone",
        "status": "paid",
        "currency": "usd",
        "created": company.account.now,
        "amount_due": 900,
        "amount_paid": 900,
        "amount_remaining": 0,
        "parent": {"subscription_details": {"subscription": "sub_gone"}},
        "lines": {"object": "list", "data": [], "has_more": False},
    }
    assert company.post(json.dumps(event("evt_1", "invoice.paid", invoice, at=company.account.now)).encode()) == 200
    company.process()
    company.answer_reads()
    company.answer_reads()
    assert (company.invoice("in_orphan").status, company.customer("cus_gone").position) == ("paid", -1)
    with scoped_transaction(company.workspace):
        assert Read.objects.filter(done_at=None).count() == 0
        assert [read.failure for read in Read.objects.filter(what="customer")] == [
            "Stripe does not know it (any more)."
        ]


def test_bug_10_what_may_be_null_may_be_null(company: Company) -> None:
    """pay-rails/pay #1138: no next attempt after the last failure; an invoice that is for no subscription."""
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, "lost_card", "lost_card")
    once = company.account.invoice_once(customer, 700).id
    company.pass_days(31.1)
    company.deliver()
    first, second = company.failures()
    assert (first.invoice, first.subscription, second.subscription) == (once, None, subscription)
    assert second.next_payment_attempt is None
    assert company.subscription(subscription).failed_attempts == 1


def test_bug_11_only_the_very_bytes_verify_a_wrong_secret_is_counted_and_modes_do_not_mix(company: Company) -> None:
    """dj-stripe #1508, #1778: bodies verified after parsing, refusals that nobody saw, live events in test data."""
    customer = company.account.create_customer(name="Ada").id
    parcels = company.waiting()
    told = json.loads(by_type(company, "customer.created")[0].body)
    body = json.dumps(told, indent=3).encode() + b"\n"
    header = sign(body, company.lane.secret, int(time.time()))

    def send(carried: bytes) -> int:
        answer = Client().post(
            company.lane.path, carried, content_type="application/json", HTTP_STRIPE_SIGNATURE=header
        )
        return answer.status_code

    assert send(json.dumps(told).encode()) == 400
    assert company.inbox() == []
    assert send(body) == 200
    assert company.post(parcels[0].body, secret=b"whsec_of_another_endpoint") == 400
    live = told | {"id": "evt_live", "livemode": True}
    live["data"] = {"object": told["data"]["object"] | {"name": "Live Ada", "livemode": True}}
    assert company.post(json.dumps(live).encode()) == 200
    while drain(company.lane.number).events:
        pass
    assert company.lane.states() == {told["id"]: "done", "evt_live": "rejected"}
    assert "live" in str(company.inbox()[-1].reason)
    assert company.customer(customer).name == "Ada"
    assert refused(company) == {"mismatch": 2}


def refused(company: Company) -> dict[str, int]:
    """Refused deliveries by reason, once their thread has written them."""
    refusals.finish()
    with scoped_transaction(company.workspace):
        return dict(RefusedDelivery.objects.values_list("reason", "count"))


@pytest.mark.parametrize("end", ["paid", "cancelled", "voided", "written off", "customer deleted"])
@pytest.mark.parametrize("late", [False, True], ids=["in order", "the failure is heard of last"])
def test_bug_12_nobody_is_dunned_who_has_paid_or_cancelled(company: Company, end: str, late: bool) -> None:
    """The state that is read before each message says that nothing is owed, whichever news came last."""
    customer, subscription = company.subscriber()
    company.account.decline_next(customer, "insufficient_funds")
    company.pass_days(31.1)
    invoice = company.account.invoices_of(subscription)[-1].id
    if not late:
        company.deliver()
        assert (company.debt(invoice).owed, company.subscription(subscription).failed_attempts) == (True, 1)
    match end:
        case "paid":
            company.account.recover(customer)
        case "cancelled":
            company.account.cancel(subscription)
        case "voided":
            company.account.void_invoice(invoice)
        case "written off":
            company.account.mark_uncollectible(invoice)
        case _:
            company.account.delete_customer(customer)
    failed = {
        e.id for e in company.account.events if e.type in ("invoice.payment_failed", "payment_intent.payment_failed")
    }
    parcels = company.waiting()
    company.send(p for p in parcels if p.event_id not in failed)
    company.process()
    company.send(p for p in parcels if p.event_id in failed)
    company.process()
    assert not company.debt(invoice).owed
    assert len(company.failures()) == 1


def reading(company: Company, subscription: str, event_id: str, asked_at: int) -> dict[str, Any]:
    """What an answer of the API, asked for at a second, becomes in the inbox."""
    carried = render_object(company.account.subscriptions[subscription], NEWEST)
    return event(event_id, "pqintel.read", carried, at=asked_at)


@pytest.mark.parametrize("slow_first", [False, True])
def test_bug_13_of_two_overlapping_reads_the_newer_question_wins(company: Company, slow_first: bool) -> None:
    """The answer to the earlier question arrives later, and shows what was true before."""
    _, subscription = company.subscriber()
    company.deliver()
    company.pass_days(1)
    older = reading(company, subscription, "pqread_older", company.account.now)
    company.pass_days(1)
    company.account.change(subscription, quantity=9, proration="none")
    newer = reading(company, subscription, "pqread_newer", company.account.now + 5)
    for answer in (older, newer) if slow_first else (newer, older):
        company.lane.put(answer)
        company.process()
    assert [item["quantity"] for item in company.subscription(subscription).items] == [9]
    # And an event that is newer than both wins over both.
    company.pass_days(1)
    company.account.change(subscription, quantity=4, proration="none")
    company.lane.put(render_event(company.account.events[-1], NEWEST))
    company.process()
    company.lane.put(older | {"id": "pqread_again", "created": company.account.now - DAY})
    company.process()
    assert [item["quantity"] for item in company.subscription(subscription).items] == [4]
