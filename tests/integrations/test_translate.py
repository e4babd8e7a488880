"""What is used of events and reads, both sides of an update, and what is never changed or kept."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from billing.snapshots import CustomerState, DiscountRef, ItemState, Kind, Learned, Product, Snapshot
from integrations.stripe.translate import READ, Untranslatable, translate

from .payloads import ACACIA, CLOVER, ENDIVE, V2019, VERSIONS, event, payload
from .shapes import invoice, learn, payment, subscription, subscription_state

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
