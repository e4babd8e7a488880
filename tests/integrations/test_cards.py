"""Cards as Stripe's API tells of them: what is taken from charges, and which payment method is in use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.stripe.cards import ChargedCard, Paying, cards_on, paying
from integrations.stripe.client import StripeReader
from integrations.stripe.kinds import Kind
from pqintel.simulator.render import FAMILIES, Family, render_object
from pqintel.simulator.testing import EPOCH, Simulation
from pqintel.vault import Secret

AT = datetime.fromtimestamp(EPOCH, UTC)


@pytest.fixture
def stripe() -> Iterator[Simulation]:
    with Simulation(seed=5) as simulation:
        yield simulation


def subscriber(stripe: Simulation, **terms: Any) -> tuple[str, str]:
    account = stripe.account
    product = account.create_product("Team")
    price = account.create_price(product.id, 700, interval="month")
    customer = account.create_customer(name="Ada", card_expires=(2027, 2))
    return customer.id, account.subscribe(customer.id, price.id, **terms).id


def pays(stripe: Simulation, customer: str) -> list[Paying]:
    with StripeReader(Secret(stripe.secret_key), base=stripe.url) as reader:
        return paying(reader, customer)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.version)
def test_a_charge_of_every_version_tells_its_card(stripe: Simulation, family: Family) -> None:
    customer, _ = subscriber(stripe)
    (charge,) = stripe.account.charges.values()
    card = charge.card
    assert card is not None
    page = {"data": [render_object(charge, family)]}
    expected = ChargedCard(customer, card.id, card.brand, card.last4, 2027, 2, charge.id, AT)
    assert list(cards_on(page)) == [expected]


def test_a_page_is_read_as_the_api_gives_it(stripe: Simulation) -> None:
    customer, _ = subscriber(stripe)
    with StripeReader(Secret(stripe.secret_key), base=stripe.url) as reader:
        (card,) = cards_on(reader.page(Kind.CHARGE))
    assert (card.customer, card.exp_year, card.exp_month) == (customer, 2027, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed"},
        {"status": "pending"},
        {"customer": None},
        {"payment_method": None},
        {"payment_method_details": None},
        {"payment_method_details": {"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}},
        {"payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}}},
        {"payment_method_details": {"type": "card", "card": {"last4": "4242", "exp_year": 2027, "exp_month": 13}}},
        {"payment_method_details": {"type": "card", "card": {"last4": "4242", "exp_year": "2027", "exp_month": 2}}},
        {"payment_method_details": {"type": "card", "card": {"last4": "42\x00", "exp_year": 2027, "exp_month": 2}}},
        {"created": None},
    ],
)
def test_what_says_nothing_about_a_card_is_passed_over(stripe: Simulation, change: dict[str, Any]) -> None:
    subscriber(stripe)
    (charge,) = stripe.account.charges.values()
    whole = render_object(charge)
    assert len(list(cards_on({"data": [{**whole, **change}, whole]}))) == 1


def test_what_pays_is_what_the_subscription_says_else_the_customer(stripe: Simulation) -> None:
    customer, subscription = subscriber(stripe)
    card = stripe.account.customer(customer).card
    assert card is not None
    assert pays(stripe, customer) == [Paying(subscription, card.id, None)]
    kept = stripe.account.subscriptions[subscription]
    stripe.account.put_changed(kept, default_payment_method="pm_own")
    assert pays(stripe, customer) == [Paying(subscription, "pm_own", None)]
    stripe.account.remove_card(customer)
    stripe.account.put_changed(kept, default_payment_method=None)
    assert pays(stripe, customer) == [Paying(subscription, None, None)]


def test_only_subscriptions_that_go_on_and_are_collected_are_named(stripe: Simulation) -> None:
    end = EPOCH + 100 * 86_400
    customer, subscription = subscriber(stripe, cancel_at=end)
    card = stripe.account.customer(customer).card
    assert card is not None
    assert pays(stripe, customer) == [Paying(subscription, card.id, datetime.fromtimestamp(end, UTC))]
    for change in ({"collection_method": "send_invoice"}, {"cancel_at_period_end": True}, {"status": "past_due"}):
        before = stripe.account.subscriptions[subscription]
        stripe.account.put_changed(before, **change)
        assert pays(stripe, customer) == []
        stripe.account.put(before)
    stripe.account.pause(subscription)
    assert pays(stripe, customer) == []
    assert pays(stripe, "cus_nobody") == []
