"""Questions to Stripe: asked of a stand-in over real HTTP, answered through the inbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from billing.metrics.mrr import mrr_at
from billing.models import Customer, PaymentLink, Product
from billing.modes import Mode
from integrations.models import Connection, InboxEvent, Read
from integrations.stripe.drain import drain
from integrations.stripe.reads import answer_due
from pqintel.simulator.render import exists_in, family_of, render_event
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction

from .lanes import Lane, new_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stripe(settings) -> Iterator[Simulation]:
    with Simulation(seed=5, start=int(timezone.now().timestamp()) - 30 * 86_400) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


@pytest.fixture
def lane(stripe: Simulation) -> Lane:
    return new_lane(secret_key=stripe.secret_key)


def feed(lane: Lane, stripe: Simulation, *families: str, without: tuple[str, ...] = ()) -> None:
    """Put the account's events of some types into the inbox, as an endpoint that selects them would get them."""
    family = family_of(families[0] if families else "2026-10-28.endive")
    told = [e for e in stripe.account.events if exists_in(e, family) and not e.type.startswith(without)]
    lane.put(*(render_event(e, family) for e in told))


def answer(lane: Lane) -> int:
    """Let every question be due, ask them all, apply the answers; how many came."""
    total = 0
    with scope(lane.workspace):
        for _ in range(10):
            with scoped_transaction(lane.workspace):
                Read.objects.filter(done_at=None).update(due_at=timezone.now())
                connection = Connection.objects.get()
            answers, more = answer_due(connection)
            total += answers
            if not more:
                break
    drain(lane.number)
    return total


def mrr(lane: Lane) -> dict[str, str]:
    with scoped_transaction(lane.workspace):
        at = mrr_at(lane.workspace.pk, Mode.TEST, datetime.now(UTC))
        return {line.currency: line.mrr.plain() for line in at.currencies}


def truth(stripe: Simulation) -> dict[str, str]:
    return {currency: numbers["mrr"] for currency, numbers in stripe.truth.as_dict().items()}


def questions(lane: Lane) -> list[tuple[str, str | None]]:
    with scoped_transaction(lane.workspace):
        return sorted(Read.objects.values_list("what", "failure"))


def test_the_tiers_of_a_price_are_read_and_then_count(lane: Lane, stripe: Simulation) -> None:
    account = stripe.account
    product = account.create_product(name="Scale")
    price = account.create_price(
        product.id, currency="usd", interval="month", tiers_mode="graduated", tiers=[(5, 700, 0), (None, 600, 0)]
    )
    customer = account.create_customer(name="Ada")
    account.subscribe(customer.id, [price.id], quantity=7)
    feed(lane, stripe)
    drained = drain(lane.number)
    assert drained.asked
    assert mrr(lane) == {}
    assert ("price", None) in questions(lane)
    answer(lane)
    assert mrr(lane) == truth(stripe) == {"usd": "47.00"}


def test_who_and_what_events_only_name_is_read(lane: Lane, stripe: Simulation) -> None:
    account = stripe.account
    product = account.create_product(name="Growth")
    price = account.create_price(product.id, currency="usd", unit_amount=4900, interval="month")
    customer = account.create_customer(name="Ada Lovelace", email="ada@example.com")
    account.subscribe(customer.id, [price.id])
    feed(lane, stripe, without=("customer.created", "customer.updated", "product.", "price."))
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        assert (Customer.objects.get().position, Product.objects.count()) == (-1, 0)
    answer(lane)
    with scoped_transaction(lane.workspace):
        assert Customer.objects.get().name == "Ada Lovelace"
        assert Product.objects.get().name == "Growth"
        assert mrr_at(lane.workspace.pk, Mode.TEST, datetime.now(UTC)).currencies[0].plans[0].name == "Growth"


def test_a_discount_that_events_only_name_is_read_through_its_subscription(lane: Lane, stripe: Simulation) -> None:
    account = stripe.account
    product = account.create_product(name="Growth")
    price = account.create_price(product.id, currency="usd", unit_amount=10_000, interval="month")
    coupon = account.create_coupon(percent_off=20, duration="forever")
    customer = account.create_customer(name="Ada")
    account.subscribe(customer.id, [price.id], coupons=[coupon.id])
    feed(lane, stripe, without=("coupon.", "customer.discount."))
    drain(lane.number)
    assert mrr(lane) == {"usd": "100.00"}
    answer(lane)
    answer(lane)
    assert mrr(lane) == truth(stripe) == {"usd": "80.00"}


def test_payments_of_newer_shapes_are_linked_to_their_invoices(lane: Lane, stripe: Simulation) -> None:
    account = stripe.account
    product = account.create_product(name="Growth")
    price = account.create_price(product.id, currency="usd", unit_amount=10_000, interval="month")
    account.subscribe(account.create_customer(name="Ada").id, [price.id])
    feed(lane, stripe, "2025-03-31.basil", without=("invoice_payment.",))
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        assert PaymentLink.objects.count() == 0
    answer(lane)
    with scoped_transaction(lane.workspace):
        link = PaymentLink.objects.get()
    (payment,) = account.payment_intents.values()
    assert link.payment == payment.id


def test_without_a_key_questions_wait_and_say_why(lane: Lane, stripe: Simulation) -> None:
    with scoped_transaction(lane.workspace):
        connection = Connection.objects.get()
        connection.secret_key = None
        connection.save()
        Read.objects.create(
            workspace=lane.workspace, connection=connection, what="price", object_id="price_1", due_at=timezone.now()
        )
    assert answer(lane) == 0
    with scoped_transaction(lane.workspace):
        read = Read.objects.get()
    assert (read.done_at, read.tries, read.failure) == (None, 1, "No secret key is connected.")
    assert read.due_at > timezone.now() + timedelta(seconds=25)


def test_a_missing_permission_or_object_is_told_and_no_answer_is_made_up(lane: Lane, stripe: Simulation) -> None:
    with scoped_transaction(lane.workspace):
        for what, object_id in (("price", "price_nowhere"), ("customer", "cus_nowhere")):
            Read.objects.create(
                workspace=lane.workspace,
                connection=lane.connection,
                what=what,
                object_id=object_id,
                due_at=timezone.now(),
            )
    assert answer(lane) == 0
    assert questions(lane) == [
        ("customer", "Stripe does not know it (any more)."),
        ("price", "Stripe does not know it (any more)."),
    ]
    with scoped_transaction(lane.workspace):
        assert InboxEvent.objects.count() == 0


def test_terms_that_an_answer_does_not_bring_are_not_asked_for_in_circles(lane: Lane, stripe: Simulation) -> None:
    account = stripe.account
    product = account.create_product(name="Growth")
    price = account.create_price(product.id, currency="usd", unit_amount=10_000, interval="month")
    coupon = account.create_coupon(percent_off=20, duration="forever")
    subscription = account.subscribe(account.create_customer(name="Ada").id, [price.id], coupons=[coupon.id])
    feed(lane, stripe, without=("coupon.", "customer.discount."))
    account.remove_coupon(subscription.id)  # Stripe no longer tells what the discount was
    drain(lane.number)
    for _ in range(3):
        answer(lane)
    assert drain(lane.number).asked is False
    assert answer(lane) == 0
