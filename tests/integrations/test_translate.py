"""Shapes and traps that the families' common story does not hold."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from billing.snapshots import (
    UNKNOWN,
    Coupon,
    CustomerState,
    Discount,
    DiscountRef,
    InvoiceState,
    ItemState,
    Kind,
    Learned,
    PaymentState,
    Price,
    Product,
    Snapshot,
    SubscriptionState,
)
from integrations.stripe.translate import READ, Untranslatable, translate

from .payloads import ACACIA, CLOVER, ENDIVE, V2019, VERSIONS, event, payload


def learn(event_type: str, obj: dict[str, Any], previous: dict[str, Any] | None = None) -> Learned:
    learned = translate(event(event_type, obj, previous))
    assert learned is not None
    return learned


def subscription(**fields: Any) -> dict[str, Any]:
    return {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 1} | fields


def subscription_state(event_type: str = "customer.subscription.updated", **fields: Any) -> SubscriptionState:
    state = learn(event_type, subscription(**fields)).snapshots[0].state
    assert isinstance(state, SubscriptionState)
    return state


def invoice(**fields: Any) -> dict[str, Any]:
    return {"id": "in_1", "object": "invoice", "customer": "cus_1", "currency": "usd", "created": 1} | fields


def invoice_state(event_type: str = "invoice.updated", **fields: Any) -> InvoiceState:
    state = learn(event_type, invoice(**fields)).snapshots[0].state
    assert isinstance(state, InvoiceState)
    return state


def payment(**fields: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "customer": "cus_1",
        "status": "succeeded",
        "amount": 500,
        "currency": "usd",
        "created": 1,
    } | fields


# What is used --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event_type",
    [
        "charge.succeeded",
        "invoice.upcoming",
        "customer.source.created",
        "invoiceitem.created",
        "balance.available",
        "x",
    ],
)
def test_other_types_teach_nothing(event_type: str) -> None:
    assert translate(event(event_type, {"anything": [1, 2]})) is None


@pytest.mark.parametrize("event_type", ["invoice.overdue", "invoice.voided", "invoice.sent", "invoice.overpaid"])
def test_whatever_carries_an_invoice_teaches_its_state(event_type: str) -> None:
    learned = learn(event_type, invoice(status="void"))
    assert [(s.kind, s.born, s.before, s.read) for s in learned.snapshots] == [(Kind.INVOICE, False, None, False)]
    assert learned.facts == ()


def test_an_object_of_another_kind_than_its_event_is_refused() -> None:
    with pytest.raises(Untranslatable) as refused:
        translate(event("invoice.paid", subscription()))
    assert refused.value.reason == "data.object is not of the kind invoice, as the event's type promises."


def test_unknown_words_are_kept() -> None:
    state = subscription_state(status="hibernating", pause_collection={"behavior": "sleep"}, collection_method="barter")
    assert (state.status, state.pause_behavior, state.collection_method) == ("hibernating", "sleep", "barter")


# Before and after ----------------------------------------------------------------------------------------------------


def before(previous: dict[str, Any] | None, **fields: Any) -> Any:
    return learn("customer.subscription.updated", subscription(**fields), previous).snapshots[0].before


def test_no_previous_attributes_no_before() -> None:
    assert before(None) is None
    nothing_changed = before({})
    assert nothing_changed == subscription_state()


def test_objects_merge_and_arrays_are_replaced() -> None:
    item_a, item_b = {"id": "si_a", "price": "price_a"}, {"id": "si_b", "price": "price_b"}
    state = before(
        {"items": {"data": [item_a]}, "pause_collection": {"resumes_at": 50}, "cancel_at": None},
        items={"object": "list", "data": [item_a, item_b], "has_more": False},
        pause_collection={"behavior": "void", "resumes_at": 90},
        cancel_at=70,
    )
    assert state.items == (ItemState("si_a", "price_a", quantity=None),)
    assert (state.pause_behavior, state.pause_resumes_at, state.cancel_at) == ("void", 50, None)


def test_a_whole_object_that_was_replaced_is_not_mixed_with_its_successor() -> None:
    now = {"object": "discount", "coupon": {"id": "NEW"}, "start": 5, "end": 9}
    state = before(
        {"discount": {"object": "discount", "coupon": {"id": "OLD", "object": "coupon"}, "start": 2}}, discount=now
    )
    assert state.discounts == (DiscountRef(None, "OLD", 2, None),)
    assert before({"discount": None}, discount=now).discounts == ()


def test_before_teaches_no_catalogue() -> None:
    learned = learn(
        "customer.subscription.updated",
        subscription(items={"data": [{"id": "si", "price": {"id": "price_new", "currency": "usd"}}]}),
        {"items": {"data": [{"id": "si", "price": {"id": "price_old", "currency": "usd"}}]}},
    )
    assert [entry.id for entry in learned.catalogue] == ["price_new"]


def test_an_impossible_before_costs_only_the_before() -> None:
    assert before({"customer": None}) is None
    assert before({"created": "yesterday"}) is None


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

TERMS = {"id": "TEN", "object": "coupon", "percent_off": 10, "duration": "forever"}


def discount(identity: str = "di_1", **fields: Any) -> dict[str, Any]:
    return {"id": identity, "object": "discount", "start": 5, "end": None} | fields


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


# Customers -----------------------------------------------------------------------------------------------------------


def test_a_deleted_customer() -> None:
    whole = payload(ENDIVE, "customer.created") | {"type": "customer.deleted"}
    learned = translate(whole)
    assert learned is not None
    state = learned.snapshots[0].state
    assert isinstance(state, CustomerState)
    assert (state.deleted, state.email) == (True, "ada@example.com")


# Objects read from the API -------------------------------------------------------------------------------------------


def test_an_object_read_teaches_as_an_event_does_but_as_a_read() -> None:
    created = payload(ACACIA, "customer.subscription.created")
    from_event = translate(created)
    from_read = translate(created | {"type": READ})
    assert from_event is not None
    assert from_read is not None
    assert from_read.snapshots == (Snapshot(Kind.SUBSCRIPTION, from_event.snapshots[0].state, read=True),)
    assert from_read.catalogue == from_event.catalogue
    assert from_read.facts == ()


def test_a_read_never_wants_itself_again() -> None:
    tiered = {"id": "price_1", "object": "price", "billing_scheme": "tiered"}
    assert learn(READ, tiered).wanted == ()
    whole = subscription(discounts=["di_1"], items={"data": [{"id": "si", "price": tiered}], "has_more": True})
    assert learn("customer.subscription.updated", whole).wanted == (
        ("price", "price_1"),
        ("discount:di_1", "sub_1"),
        ("subscription", "sub_1"),
    )
    assert learn(READ, whole).wanted == (("price", "price_1"),)


def test_a_list_that_was_read() -> None:
    linked = {"object": "invoice_payment", "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}
    both = {"object": "list", "data": [linked, invoice(), payment(invoice="in_2")], "has_more": False}
    learned = learn(READ, both)
    assert learned.links == (("in_1", "pi_1"), ("in_2", "pi_1"))
    assert [(s.kind, s.read) for s in learned.snapshots] == [(Kind.INVOICE, True), (Kind.PAYMENT, True)]
    assert learn(READ, {"object": "list", "data": []}) == Learned("evt_1", READ, 100)


def test_a_deleted_object_that_was_read() -> None:
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert learn(READ, gone).snapshots == (Snapshot(Kind.CUSTOMER, CustomerState("cus_1", deleted=True), read=True),)
    assert learn(READ, {"id": "prod_1", "object": "product", "deleted": True}).catalogue == (
        Product("prod_1", active=False),
    )


def test_a_read_of_something_else_is_refused() -> None:
    with pytest.raises(Untranslatable) as refused:
        learn(READ, {"object": "list", "data": [{"id": "po_1", "object": "payout"}]})
    assert refused.value.reason == "data.object.data[0] is of a kind that is not used."


# Nothing is changed or kept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_event_is_left_as_it_was(version: str) -> None:
    for event_type in ("customer.subscription.updated", "customer.subscription.deleted", "checkout.session.completed"):
        given = payload(version, event_type)
        untouched = deepcopy(given)
        translate(given)
        assert given == untouched


def test_metadata_is_never_kept() -> None:
    for version in (V2019, CLOVER):
        for event_type in ("customer.subscription.created", "invoice.paid"):
            assert "rockets" not in repr(translate(payload(version, event_type)))
