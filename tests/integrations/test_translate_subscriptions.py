"""Subscriptions, their discounts and the catalogue: shapes and traps that the common story does not hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.snapshots import (
    UNKNOWN,
    Coupon,
    CustomerState,
    Discount,
    DiscountRef,
    ItemState,
    Price,
    Product,
    SubscriptionState,
)
from integrations.stripe.translate import Untranslatable

from .shapes import TERMS, discount, learn, subscription, subscription_state

# Subscriptions -------------------------------------------------------------------------------------------------------


def test_periods_of_items_that_differ() -> None:
    items = [
        {"id": "si_1", "price": "p", "current_period_start": 10, "current_period_end": 50},
        {"id": "si_2", "price": "q", "current_period_start": 20, "current_period_end": 90},
    ]
    state = subscription_state(items={"data": items})
    assert (state.current_period_start, state.current_period_end) == (20, 50)


def test_a_portal_cancel_sets_only_cancel_at() -> None:
    state = subscription_state(cancel_at=500, cancel_at_period_end=False, canceled_at=40)
    assert (state.cancel_at, state.cancel_at_period_end, state.status) == (500, False, "active")


def test_a_plan_on_the_subscription_itself() -> None:
    plan = {"id": "gold", "object": "plan", "amount": 2000, "currency": "eur", "interval": "month", "product": "prod_1"}
    learned = learn("customer.subscription.created", subscription(plan=plan, quantity=2))
    state = learned.snapshots[0].state
    assert isinstance(state, SubscriptionState)
    assert state.items == (ItemState("sub_1", "gold", 2),)
    assert state.currency == "eur"
    assert learned.catalogue == (
        Price("gold", product="prod_1", currency="eur", unit_amount=Decimal(2000), interval="month"),
    )


def test_fields_may_be_ids_or_objects_anywhere() -> None:
    price = {"id": "price_1", "object": "price", "currency": "usd", "product": {"id": "prod_1", "name": "Team"}}
    learned = learn(
        "customer.subscription.updated",
        subscription(
            customer={"id": "cus_1", "object": "customer", "deleted": True},
            latest_invoice={"id": "in_9", "object": "invoice"},
            items={"data": [{"id": "si_1", "price": price}, {"id": "si_2", "price": "price_2"}]},
        ),
    )
    state = learned.snapshots[0].state
    assert isinstance(state, SubscriptionState)
    assert (state.customer, state.latest_invoice) == ("cus_1", "in_9")
    assert [item.price for item in state.items] == ["price_1", "price_2"]
    assert learned.catalogue == (Price("price_1", product="prod_1", currency="usd"), Product("prod_1", name="Team"))


def test_only_the_first_ten_items_are_in_the_payload() -> None:
    items = {"data": [{"id": "si_1", "price": "price_1"}], "has_more": True}
    assert learn("customer.subscription.updated", subscription(items=items)).wanted == (("subscription", "sub_1"),)


def test_inclusive_tax_of_items_and_by_default() -> None:
    rates = [
        {"inclusive": True, "percentage": 20},
        {"inclusive": False, "percentage": 5},
        {"inclusive": True, "percentage": Decimal("1.5")},
    ]
    items = [{"id": "a", "price": "p", "tax_rates": rates}, {"id": "b", "price": "p", "tax_rates": []}]
    state = subscription_state(items={"data": items}, default_tax_rates=[{"inclusive": True, "percentage": 7}])
    assert [item.inclusive_tax_percent for item in state.items] == [Decimal("21.5"), Decimal(7)]


def test_a_deleted_subscription_has_ended_whatever_its_status_says() -> None:
    assert subscription_state("customer.subscription.deleted", status="active").status == "canceled"
    assert (
        subscription_state("customer.subscription.deleted", status="incomplete_expired").status == "incomplete_expired"
    )


def test_a_subscription_in_another_currency_than_its_price_wants_the_options() -> None:
    price = {"id": "price_1", "object": "price", "currency": "usd", "unit_amount": 1000}
    items = {"data": [{"id": "si", "price": price}]}
    assert learn("customer.subscription.created", subscription(currency="usd", items=items)).wanted == ()
    foreign = subscription(currency="eur", items=items)
    assert learn("customer.subscription.created", foreign).wanted == (("price", "price_1"),)
    price["currency_options"] = {"eur": {"unit_amount": 900, "unit_amount_decimal": "900"}}
    assert learn("customer.subscription.created", foreign).wanted == ()


# Discounts -----------------------------------------------------------------------------------------------------------


def test_expanded_discounts_by_either_place_of_the_coupon() -> None:
    old, new = discount(coupon=TERMS), discount(source={"type": "coupon", "coupon": TERMS})
    for shape in (old, new):
        learned = learn("customer.subscription.updated", subscription(discounts=[shape]))
        assert learned.catalogue == (
            Coupon("TEN", percent_off=Decimal(10), duration="forever"),
            Discount("di_1", coupon="TEN", start=5, end=None),
        )
        assert learned.snapshots[0].state.discounts == (DiscountRef("di_1"),)  # type: ignore[union-attr]
        assert learned.wanted == ()


def test_several_discounts_of_which_one_is_embedded() -> None:
    learned = learn(
        "customer.subscription.updated", subscription(discount=discount(coupon=TERMS), discounts=["di_1", "di_2"])
    )
    assert learned.snapshots[0].state.discounts == (DiscountRef("di_1"), DiscountRef("di_2"))  # type: ignore[union-attr]
    assert learned.wanted == (("discount:di_2", "sub_1"),)


def test_an_expanded_discount_with_the_coupons_id_wants_its_terms() -> None:
    learned = learn("customer.subscription.updated", subscription(discounts=[discount(source={"coupon": "TEN"})]))
    assert learned.catalogue == (Discount("di_1", coupon="TEN", start=5, end=None),)
    assert learned.wanted == (("coupon", "TEN"),)


def test_discounts_of_items() -> None:
    items = {"data": [{"id": "si_1", "price": "p", "discounts": ["di_7", discount("di_8", coupon=TERMS)]}]}
    learned = learn("customer.subscription.updated", subscription(items=items))
    state = learned.snapshots[0].state
    assert isinstance(state, SubscriptionState)
    assert state.items[0].discounts == (DiscountRef("di_7"), DiscountRef("di_8"))
    assert learned.wanted == (("discount:di_7", "sub_1"),)


def test_a_discounts_own_event() -> None:
    learned = learn("customer.discount.created", discount(coupon=TERMS, customer="cus_1", subscription="sub_1"))
    assert learned.snapshots == ()
    assert learned.catalogue == (
        Coupon("TEN", percent_off=Decimal(10), duration="forever"),
        Discount("di_1", coupon="TEN", start=5, end=None),
    )


def test_a_customers_discount() -> None:
    learned = learn("customer.updated", {"id": "cus_1", "discount": discount(coupon=TERMS)}, {"discount": None})
    (snapshot,) = learned.snapshots
    assert snapshot.state == CustomerState("cus_1", discounts=(DiscountRef("di_1"),))
    assert snapshot.before == CustomerState("cus_1", discounts=())
    assert learn("customer.updated", {"id": "cus_1"}).snapshots[0].state == CustomerState("cus_1", discounts=UNKNOWN)


# Catalogue -----------------------------------------------------------------------------------------------------------


def test_a_price_of_fractions_in_packages() -> None:
    price = {
        "id": "price_1",
        "object": "price",
        "currency": "usd",
        "unit_amount": None,
        "unit_amount_decimal": "0.5",
        "billing_scheme": "per_unit",
        "recurring": {"interval": "year", "interval_count": 2, "usage_type": "metered"},
        "transform_quantity": {"divide_by": 10, "round": "up"},
    }
    (learned,) = learn("price.created", price).catalogue
    assert learned == Price(
        id="price_1",
        currency="usd",
        unit_amount=Decimal("0.5"),
        billing_scheme="per_unit",
        tiers=None,
        interval="year",
        interval_count=2,
        usage_type="metered",
        transform_divide_by=10,
        transform_round="up",
    )


def test_a_one_off_price_has_no_interval() -> None:
    (learned,) = learn("price.updated", {"id": "price_1", "object": "price", "recurring": None}).catalogue
    assert learned == Price("price_1", interval=None, interval_count=None, usage_type=None)


def test_deleted_catalogue_entries_are_inactive() -> None:
    assert learn("price.deleted", {"id": "price_1", "active": True}).catalogue == (Price("price_1", active=False),)
    assert learn("plan.deleted", {"id": "gold", "object": "plan"}).catalogue == (Price("gold", active=False),)
    assert learn("product.deleted", {"id": "prod_1", "name": "A"}).catalogue == (Product("prod_1", "A", active=False),)


def test_of_a_products_metadata_only_the_tier_is_kept() -> None:
    def taught(**fields: object) -> object:
        return learn("product.updated", {"id": "prod_1", **fields}).catalogue[0]

    metadata = {"tier": "growth", "secret": "canary-metadata"}
    assert taught(metadata=metadata) == Product("prod_1", tier_key="growth")
    assert "canary" not in repr(taught(metadata=metadata))
    assert taught(metadata={}) == taught(metadata={"tier": ""}) == Product("prod_1", tier_key=None)
    assert taught() == Product("prod_1")
    embedded = {"id": "price_1", "product": {"id": "prod_1", "metadata": metadata}}
    assert learn("price.updated", embedded).catalogue[1] == Product("prod_1", tier_key="growth")
    assert learn("coupon.deleted", TERMS).catalogue == (Coupon("TEN", percent_off=Decimal(10), duration="forever"),)


@pytest.mark.parametrize("currency", ["us", "usdc", "u$d", "été", ""])
def test_impossible_currencies(currency: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        learn("price.created", {"id": "price_1", "currency": currency})
    assert refused.value.reason == "data.object.currency is not a currency of three letters."


@pytest.mark.parametrize("amount", ["NaN", "1e30", "0.0000000000001", "5 dollars", "٥", True])
def test_impossible_amounts(amount: Any) -> None:
    with pytest.raises(Untranslatable) as refused:
        learn("price.created", {"id": "price_1", "unit_amount_decimal": amount})
    assert refused.value.reason == (
        "data.object.unit_amount_decimal is not a number, or too large or too precise for an amount."
    )


@pytest.mark.parametrize("strange", [None, 7, ["di_1"]])
def test_a_discount_that_is_neither_an_id_nor_an_object_is_refused_with_its_place(strange: object) -> None:
    with pytest.raises(Untranslatable) as refused:
        learn("customer.subscription.updated", subscription(discounts=["di_1", strange]))
    assert refused.value.reason == ("data.object.discounts holds something that is neither an id nor an object.")
