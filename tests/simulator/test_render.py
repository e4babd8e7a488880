"""What of each object's shape depends on the API version, family by family, and what never does."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest
import stripe

from pqintel.simulator.account import Account
from pqintel.simulator.render import (
    FAMILIES,
    Family,
    event_type,
    exists_in,
    family_of,
    previous_attributes,
    render_event,
    render_object,
)
from pqintel.simulator.render.catalogue import render_plan, render_price
from pqintel.simulator.render.invoice_line import render_line
from pqintel.simulator.render.shape import Json
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.state import Discount, PauseCollection, Price, SubscriptionItem
from tests.simulator import states
from tests.simulator.states import END, START

VERSIONS = [
    "2019-12-03",
    "2020-08-27",
    "2022-11-15",
    "2025-02-24.acacia",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-03-25.dahlia",
    "2026-10-28.endive",
]
UNTIL_ACACIA = VERSIONS[:4]
SINCE_BASIL = VERSIONS[4:]
SINCE_CLOVER = VERSIONS[5:]


def versions(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("family", [family_of(name) for name in names], ids=names)


every_version = versions(*VERSIONS)
until_acacia = versions(*UNTIL_ACACIA)
since_basil = versions(*SINCE_BASIL)


def test_the_families_are_the_eight_versions() -> None:
    assert [family.version for family in FAMILIES] == VERSIONS


@pytest.mark.parametrize(
    ("version", "shaped_like"),
    [
        ("2020-03-02", "2019-12-03"),
        ("2024-06-20", "2022-11-15"),
        ("2025-08-27.basil", "2025-03-31.basil"),
        ("2027-01-27.endive", "2026-10-28.endive"),
    ],
)
def test_a_version_between_two_families_has_the_older_shape_and_its_own_name(version: str, shaped_like: str) -> None:
    assert family_of(version) == replace(family_of(shaped_like), version=version)


@pytest.mark.parametrize("version", ["2018-02-28", "yesterday", "", "2025-03-31.basil; drop"])
def test_an_impossible_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="Invalid Stripe API version"):
        family_of(version)


# Subscriptions ---------------------------------------------------------------------------------------------------


@until_acacia
def test_the_period_stands_on_the_subscription(family: Family) -> None:
    rendered = render_object(states.SUBSCRIPTION, family)
    item = items(rendered)[0]
    assert (rendered["current_period_start"], rendered["current_period_end"]) == (START, END)
    assert {"current_period_start", "current_period_end"} & item.keys() == set()


@since_basil
def test_the_period_stands_on_the_items(family: Family) -> None:
    rendered = render_object(states.SUBSCRIPTION, family)
    item = items(rendered)[0]
    assert (item["current_period_start"], item["current_period_end"]) == (START, END)
    assert {"current_period_start", "current_period_end"} & rendered.keys() == set()


@every_version
def test_every_item_has_its_plan_and_since_2020_its_price(family: Family) -> None:
    rendered = render_object(states.SUBSCRIPTION, family)
    item = items(rendered)[0]
    plan = {key: item["plan"][key] for key in ("id", "object", "amount", "amount_decimal", "interval", "product")}
    assert plan == {
        "id": "price_Team",
        "object": "plan",
        "amount": 2990,
        "amount_decimal": "2990",
        "interval": "month",
        "product": "prod_Team",
    }
    assert rendered["plan"] == item["plan"]
    assert rendered["quantity"] == item["quantity"] == 2
    assert ("price" in item) == (family.version != "2019-12-03")


def test_a_subscription_of_two_items_has_no_plan_of_its_own() -> None:
    second = replace(states.ITEM, id="si_Two", price=states.TIERED)
    rendered = render_object(replace(states.SUBSCRIPTION, items=(states.ITEM, second)), family_of("2020-08-27"))
    assert (rendered["plan"], rendered["quantity"]) == (None, None)


@every_version
def test_metered_items_have_no_quantity(family: Family) -> None:
    metered = replace(states.ITEM, price=states.METERED, quantity=None)
    item = items(render_object(replace(states.SUBSCRIPTION, items=(metered,)), family))[0]
    assert "quantity" not in item
    assert item["plan"]["usage_type"] == "metered"
    assert item["plan"].get("aggregate_usage") == ("sum" if family.version in UNTIL_ACACIA else None)


@pytest.mark.parametrize(
    ("version", "embedded", "listed"),
    [
        ("2019-12-03", True, False),
        ("2020-08-27", True, False),
        ("2022-11-15", True, False),
        ("2025-02-24.acacia", True, True),
        ("2025-03-31.basil", False, True),
        ("2025-09-30.clover", False, True),
        ("2026-03-25.dahlia", False, True),
        ("2026-10-28.endive", False, True),
    ],
)
def test_discounts_of_a_subscription(version: str, embedded: bool, listed: bool) -> None:
    rendered = render_object(states.SUBSCRIPTION, family_of(version))
    assert ("discount" in rendered, "discounts" in rendered) == (embedded, listed)
    if embedded:
        assert rendered["discount"]["coupon"]["percent_off"] == 25.0
    if listed:
        assert rendered["discounts"] == ["di_Welcome"]
        assert items(rendered)[0]["discounts"] == []


@every_version
def test_billing_mode_came_with_basil(family: Family) -> None:
    classic = render_object(states.SUBSCRIPTION, family).get("billing_mode")
    flexible = render_object(replace(states.SUBSCRIPTION, billing_mode="flexible"), family).get("billing_mode")
    if family.version in UNTIL_ACACIA:
        assert (classic, flexible) == (None, None)
    else:
        assert classic == {"flexible": None, "type": "classic"}
        assert flexible == {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": START}


@every_version
def test_what_every_version_tells_of_a_subscription(family: Family) -> None:
    told = replace(
        states.SUBSCRIPTION,
        cancel_at=END,
        canceled_at=START,
        trial_end=END,
        pause_collection=PauseCollection(behavior="void", resumes_at=END),
    )
    rendered = render_object(told, family)
    keys = ("status", "cancel_at", "cancel_at_period_end", "canceled_at", "ended_at", "trial_end", "pause_collection")
    assert {key: rendered[key] for key in keys} == {
        "status": "active",
        "cancel_at": END,
        "cancel_at_period_end": False,
        "canceled_at": START,
        "ended_at": None,
        "trial_end": END,
        "pause_collection": {"behavior": "void", "resumes_at": END},
    }
    assert rendered["default_tax_rates"][0]["percentage"] == 19.0


@every_version
def test_only_ten_items_are_embedded(family: Family) -> None:
    many = tuple(replace(states.ITEM, id=f"si_{number:02}") for number in range(12))
    rendered = render_object(replace(states.SUBSCRIPTION, items=many), family)
    assert [item["id"] for item in items(rendered)] == [f"si_{number:02}" for number in range(10)]
    assert (rendered["items"]["has_more"], rendered["items"]["total_count"]) == (True, 12)


def test_the_newest_version_says_why_a_subscription_is_paused() -> None:
    ended_trial = replace(states.SUBSCRIPTION, status="paused", trial_end=END, trial_end_behavior="pause")
    unpaid = replace(states.SUBSCRIPTION, status="paused")
    endive, dahlia = family_of("2026-10-28.endive"), family_of("2026-03-25.dahlia")
    assert [paused_type(render_object(each, endive)) for each in (ended_trial, unpaid)] == [
        "trial_end_without_payment_method",
        "final_payment_failure",
    ]
    assert render_object(states.SUBSCRIPTION, endive)["status_details"] is None
    assert "status_details" not in render_object(unpaid, dahlia)


# Catalogue -------------------------------------------------------------------------------------------------------


def test_tiers_stand_in_plans_of_2019_and_else_only_where_expanded() -> None:
    tiers = [
        {
            "flat_amount": None,
            "flat_amount_decimal": None,
            "unit_amount": 700,
            "unit_amount_decimal": "700",
            "up_to": 5,
        },
        {
            "flat_amount": 100,
            "flat_amount_decimal": "100",
            "unit_amount": None,
            "unit_amount_decimal": "612.5",
            "up_to": None,
        },
    ]
    shown = [render_plan(states.TIERED, family).get("tiers") for family in FAMILIES]
    assert shown == [tiers, None, None, None, None, None, None, None]
    assert ["tiers" in render_price(states.TIERED, family) for family in FAMILIES] == [False] * 8
    assert render_price(states.TIERED, FAMILIES[-1], tiers=True)["tiers"] == tiers


@every_version
def test_a_fraction_of_a_cent_is_told_only_as_a_decimal(family: Family) -> None:
    rendered = render_price(states.METERED, family)
    assert (rendered["unit_amount"], rendered["unit_amount_decimal"]) == (None, "0.5")
    assert rendered["transform_quantity"] == {"divide_by": 10, "round": "up"}
    assert rendered["recurring"]["usage_type"] == "metered"


def test_whole_amounts_have_no_needless_zeros() -> None:
    price = replace(states.PRICE, unit_amount=Decimal("1E+3"))
    assert render_price(price, FAMILIES[-1])["unit_amount_decimal"] == "1000"


@every_version
def test_the_coupon_of_a_discount(family: Family) -> None:
    rendered = render_object(states.DISCOUNT, family)
    if family.version in SINCE_CLOVER:
        assert rendered["source"] == {"coupon": "WELCOME25", "type": "coupon"}
        assert "coupon" not in rendered
    else:
        assert rendered["coupon"]["id"] == "WELCOME25"
        assert "source" not in rendered
    assert rendered.get("id") == (None if family.version == "2019-12-03" else "di_Welcome")


@every_version
def test_customers_embed_their_discount_everywhere_and_lists_only_in_2019(family: Family) -> None:
    rendered = render_object(replace(states.CUSTOMER, discount=states.DISCOUNT), family)
    assert rendered["discount"] == render_object(states.DISCOUNT, family)
    assert {"sources", "tax_ids"} <= rendered.keys() if family.version == "2019-12-03" else "sources" not in rendered


# Invoices --------------------------------------------------------------------------------------------------------


@until_acacia
def test_links_of_an_invoice_until_acacia(family: Family) -> None:
    rendered = render_object(states.INVOICE, family)
    keys = ("subscription", "payment_intent", "charge", "paid", "tax")
    assert {key: rendered[key] for key in keys} == {
        "subscription": "sub_Ada",
        "payment_intent": "pi_Ada",
        "charge": "ch_Second",
        "paid": True,
        "tax": 852,
    }
    assert {"parent", "payments", "total_taxes", "amount_overpaid"} & rendered.keys() == set()
    assert rendered["total_tax_amounts"][0]["amount"] == 852
    assert rendered["discount"] == render_object(states.DISCOUNT, family)


@since_basil
def test_links_of_an_invoice_since_basil(family: Family) -> None:
    rendered = render_object(states.INVOICE, family)
    assert rendered["parent"] == {
        "quote_details": None,
        "subscription_details": {"metadata": {"seats": "2"}, "subscription": "sub_Ada"},
        "type": "subscription_details",
    }
    assert rendered["total_taxes"] == [
        {
            "amount": 852,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": "txr_Vat"},
            "taxability_reason": "standard_rated",
            "taxable_amount": 4485,
            "type": "tax_rate_details",
        }
    ]
    gone = {"subscription", "payment_intent", "charge", "paid", "tax", "total_tax_amounts", "discount", "payments"}
    assert gone & rendered.keys() == set()
    assert render_object(replace(states.INVOICE, subscription=None), family)["parent"] is None


@every_version
def test_what_every_version_tells_of_an_invoice(family: Family) -> None:
    rendered = render_object(states.INVOICE, family)
    keys = ("status", "attempt_count", "attempted", "next_payment_attempt", "billing_reason", "amount_due", "number")
    assert {key: rendered[key] for key in keys} == {
        "status": "paid",
        "attempt_count": 1,
        "attempted": True,
        "next_payment_attempt": None,
        "billing_reason": "subscription_create",
        "amount_due": 5337,
        "number": "ADA00001-0001",
    }
    assert rendered["total_discount_amounts"] == [{"amount": 1495, "discount": "di_Welcome"}]
    assert rendered["status_transitions"] == {
        "finalized_at": START,
        "marked_uncollectible_at": None,
        "paid_at": START + 5,
        "voided_at": None,
    }


@until_acacia
def test_lines_until_acacia(family: Family) -> None:
    line, proration = render_line(states.LINE, family), render_line(states.PRORATION, family)
    assert (line["type"], line["proration"], line["subscription"]) == ("subscription", False, "sub_Ada")
    assert (proration["type"], proration["proration"], proration["invoice_item"]) == ("invoiceitem", True, "ii_Unused")
    assert line["plan"]["id"] == "price_Team"
    assert ("price" in line) == (family.version != "2019-12-03")
    assert {"parent", "pricing", "taxes"} & line.keys() == set()


@since_basil
def test_lines_since_basil(family: Family) -> None:
    line, proration = render_line(states.LINE, family), render_line(states.PRORATION, family)
    assert line["parent"] == {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": "sub_Ada",
            "subscription_item": "si_Ada",
        },
        "type": "subscription_item_details",
    }
    assert proration["parent"]["invoice_item_details"]["proration"] is True
    assert line["pricing"] == {
        "price_details": {"price": "price_Team", "product": "prod_Team"},
        "type": "price_details",
        "unit_amount_decimal": "2990",
    }
    gone = {"plan", "price", "proration", "subscription", "subscription_item", "type", "tax_amounts"}
    assert gone & line.keys() == set()
    assert line.get("subtotal") == (5980 if family.version in VERSIONS[6:] else None)


@every_version
def test_a_line_shows_its_discounts_since_2020(family: Family) -> None:
    line = render_line(states.LINE, family)
    expected = None if family.version == "2019-12-03" else [{"amount": 1495, "discount": "di_Welcome"}]
    assert line.get("discount_amounts") == expected


@every_version
def test_only_ten_lines_are_embedded(family: Family) -> None:
    lines = tuple(replace(states.LINE, id=f"il_{number:02}") for number in range(11))
    rendered = render_object(replace(states.INVOICE, lines=lines), family)["lines"]
    assert (len(rendered["data"]), rendered["has_more"], rendered["total_count"]) == (10, True, 11)


# Payments --------------------------------------------------------------------------------------------------------


@every_version
def test_charges_of_an_intent(family: Family) -> None:
    rendered = render_object(states.INTENT, family)
    if family.version in ("2019-12-03", "2020-08-27"):
        charges = rendered["charges"]["data"]
        assert [charge["id"] for charge in charges] == ["ch_Second", "ch_First"]
        assert "latest_charge" not in rendered
    else:
        assert rendered["latest_charge"] == "ch_Second"
        assert "charges" not in rendered


@pytest.mark.parametrize(
    ("version", "invoice", "reference"),
    [
        ("2019-12-03", "in_0123456789abcdefghijklmn", None),
        ("2020-08-27", "in_0123456789abcdefghijklmn", None),
        ("2022-11-15", "in_0123456789abcdefghijklmn", None),
        ("2025-02-24.acacia", "in_0123456789abcdefghijklmn", None),
        ("2025-03-31.basil", None, None),
        ("2025-09-30.clover", None, "in_0123456789abcdefghijkl"),
        ("2026-03-25.dahlia", None, "in_0123456789abcdefghijklmn"),
        ("2026-10-28.endive", None, "in_0123456789abcdefghijklmn"),
    ],
)
def test_the_way_from_an_intent_to_its_invoice(version: str, invoice: str | None, reference: str | None) -> None:
    rendered = render_object(states.INTENT, family_of(version))
    details = rendered.get("payment_details") or {}
    assert (rendered.get("invoice"), details.get("order_reference")) == (invoice, reference)
    assert render_object(states.CHARGE, family_of(version)).get("invoice") == invoice


@every_version
def test_why_a_payment_failed(family: Family) -> None:
    error = render_object(states.FAILED_INTENT, family)["last_payment_error"]
    assert (error["code"], error["decline_code"], error["charge"]) == (
        "card_declined",
        "insufficient_funds",
        "ch_First",
    )
    advice = "try_again_later" if family.version in VERSIONS[3:] else None
    assert error.get("advice_code") == advice
    outcome = render_object(states.DECLINED, family)["outcome"]
    assert (outcome["reason"], outcome.get("advice_code")) == ("insufficient_funds", advice)


@every_version
def test_a_checkout_session(family: Family) -> None:
    rendered = render_object(states.SESSION, family)
    keys = ("mode", "payment_status", "subscription", "customer", "client_reference_id", "amount_total")
    assert {key: rendered[key] for key in keys} == {
        "mode": "subscription",
        "payment_status": "paid",
        "subscription": "sub_Ada",
        "customer": "cus_Ada",
        "client_reference_id": "workspace-7",
        "amount_total": 5980,
    }
    assert rendered["customer_details"]["email"] == "ada@example.com"
    assert (rendered["payment_intent"], "line_items" in rendered) == (None, False)


# Events ----------------------------------------------------------------------------------------------------------


@every_version
def test_the_envelope(family: Family) -> None:
    rendered = render_event(states.event("invoice.paid", states.INVOICE), family)
    body = rendered.pop("data")
    assert rendered == {
        "id": "evt_00000001",
        "object": "event",
        "api_version": family.version,
        "created": START + 5,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": "0d2a"},
        "type": "invoice.paid",
    }
    assert body == {"object": render_object(states.INVOICE, family)}


@every_version
def test_every_event_is_json_and_makes_a_stripe_object(family: Family) -> None:
    for state in (states.SUBSCRIPTION, states.INVOICE, states.INTENT, states.CHARGE, states.CUSTOMER, states.SESSION):
        text = json.dumps(render_event(states.event("x.created", state), family))
        made = stripe.Event.construct_from(json.loads(text), key=None)
        assert made.data.object.id == state.id


@pytest.mark.parametrize(
    ("version", "changed"),
    [
        ("2020-08-27", {"current_period_end": END, "current_period_start": START, "latest_invoice": "in_old"}),
        ("2025-02-24.acacia", {"current_period_end": END, "current_period_start": START, "latest_invoice": "in_old"}),
        ("2026-10-28.endive", {"items": "whole list", "latest_invoice": "in_old"}),
    ],
)
def test_a_renewal_tells_the_old_period_where_the_version_keeps_it(version: str, changed: dict[str, object]) -> None:
    family = family_of(version)
    before = replace(states.SUBSCRIPTION, latest_invoice="in_old")
    renewed: SubscriptionItem = replace(states.ITEM, current_period_start=END, current_period_end=END + 2_592_000)
    after = replace(states.SUBSCRIPTION, items=(renewed,), latest_invoice="in_new")
    rendered = render_event(states.event("customer.subscription.updated", after, before), family)
    told = rendered["data"]["previous_attributes"]
    if "items" in changed:
        changed = {**changed, "items": {"data": items(render_object(before, family))}}
    assert told == changed


def test_a_status_change_tells_only_the_status() -> None:
    before = replace(states.SUBSCRIPTION, status="past_due")
    rendered = render_event(states.event("customer.subscription.updated", states.SUBSCRIPTION, before))
    assert rendered["data"]["previous_attributes"] == {"status": "past_due"}


def test_a_paid_invoice_tells_the_changed_keys_of_a_nested_hash() -> None:
    before = replace(states.INVOICE, status="open", amount_paid=0, amount_remaining=5337, paid_at=None)
    rendered = render_event(states.event("invoice.updated", states.INVOICE, before))
    assert rendered["data"]["previous_attributes"] == {
        "amount_paid": 0,
        "amount_remaining": 5337,
        "status": "open",
        "status_transitions": {"paid_at": None},
    }


def test_a_changed_plan_is_told_whole_because_it_is_another_object() -> None:
    family = family_of("2019-12-03")
    upgraded = replace(states.SUBSCRIPTION, items=(replace(states.ITEM, price=states.TIERED),))
    rendered = render_event(states.event("customer.subscription.updated", upgraded, states.SUBSCRIPTION), family)
    told = rendered["data"]["previous_attributes"]
    assert told == {
        "items": {"data": items(render_object(states.SUBSCRIPTION, family))},
        "plan": render_plan(states.PRICE, family),
    }


def test_what_was_not_there_before_is_null() -> None:
    assert previous_attributes({"metadata": {"a": "1"}}, {"metadata": {"a": "1", "b": "2"}}) == {
        "metadata": {"b": None}
    }
    assert previous_attributes({"discount": None, "tags": ["a", "b"]}, {"discount": {"id": "di"}, "tags": ["a"]}) == {
        "discount": None,
        "tags": ["a", "b"],
    }


def test_two_discounts_are_not_the_same_discount() -> None:
    other: Discount = replace(states.DISCOUNT, id="di_Other")
    before = replace(states.CUSTOMER, discount=states.DISCOUNT)
    after = replace(states.CUSTOMER, discount=other)
    told = render_event(states.event("customer.updated", after, before))["data"]["previous_attributes"]
    assert told == {"discount": render_object(states.DISCOUNT)}


def test_before_prices_existed_they_were_announced_as_plans() -> None:
    created = states.event("price.created", states.PRICE)
    old, new = family_of("2019-12-03"), family_of("2020-08-27")
    assert (event_type(created, old), event_type(created, new)) == ("plan.created", "price.created")
    shown = [render_event(created, family)["data"]["object"]["object"] for family in (old, new)]
    assert shown == ["plan", "price"]


def test_events_that_an_older_receiver_never_gets() -> None:
    paid = states.event("invoice_payment.paid", states.PAYMENT)
    one_off = states.event("price.created", replace(states.PRICE, recurring=False))
    assert [exists_in(paid, family) for family in FAMILIES] == [False] * 4 + [True] * 4
    assert [exists_in(one_off, family) for family in FAMILIES] == [False] + [True] * 7


def items(rendered: Json) -> list[Json]:
    rows: list[Json] = rendered["items"]["data"]
    return rows


def paused_type(rendered: Json) -> str:
    type_: str = rendered["status_details"]["paused"]["subscription"]["type"]
    return type_


@pytest.mark.parametrize("seed", range(3))
@every_version
def test_what_was_before_is_told_completely(family: Family, seed: int) -> None:
    """Over random histories: what an update tells, put back into what it shows, is what was shown before."""
    account = lifecycle(seed)
    updates = [event for event in account.events if event.before is not None and exists_in(event, family)]
    assert len(updates) > 50
    for each in updates:
        assert each.before is not None
        body = render_event(each, family)["data"]
        before = render_object(each.before, family)
        if isinstance(each.before, Price) and not family.prices:
            before = render_plan(each.before, family)
        assert put_back(body["object"], body["previous_attributes"]) == before


@cache
def lifecycle(seed: int) -> Account:
    return random_lifecycle(seed, 120)


def put_back(after: Json, previous: Json) -> Json:
    """Return `after` with the old values, nested hashes merged; lists and other objects come whole, and null in
    metadata means that the key was not there."""
    merged = dict(after)
    for key, old in previous.items():
        new = merged.get(key)
        both = isinstance(old, dict) and isinstance(new, dict) and "id" not in old
        merged[key] = put_back(merged[key], old) if both else old
        if key == "metadata":
            merged[key] = {name: value for name, value in merged[key].items() if value is not None}
    return merged
