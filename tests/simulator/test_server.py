"""The read API as Stripe's own client sees it, and as a bare HTTP client does."""

import base64
import http.client
import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import stripe

from pqintel.simulator.clock import DAY
from pqintel.simulator.render import FAMILIES, family_of, render_object
from pqintel.simulator.server import PERMISSIONS, USUAL_EVENTS, USUAL_PERMISSIONS, Faults, Weather
from pqintel.simulator.server.refusals import Refusal
from pqintel.simulator.testing import EPOCH, Simulation

WEBHOOK = "https://pq.example/webhooks/stripe/tok/"


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Twelve customers, one of them canceled, one discounted, one billed by twelve items; forty days of history."""
    with Simulation(seed=3) as simulation:
        account = simulation.account
        product = account.create_product("Team")
        price = account.create_price(product.id, 2990, lookup_key="team")
        tiered = account.create_price(
            product.id, tiers_mode="graduated", tiers=[(5, 700), (None, "612.5")], lookup_key="tiered"
        )
        coupon = account.create_coupon(percent_off=25, duration="forever")
        for number in range(12):
            customer = account.create_customer(name=f"C{number:02}", email=f"c{number:02}@example.com")
            account.advance(account.now + 60)
            account.subscribe(customer.id, price.id, coupons=[coupon.id] if number == 3 else [])
        many = account.create_customer(name="Many", email="many@example.com")
        extra = [account.create_price(product.id, 100 + number) for number in range(11)]
        account.subscribe(many.id, [tiered.id, *(each.id for each in extra)])
        account.cancel(next(iter(account.subscriptions)))
        account.advance(EPOCH + 40 * DAY)
        simulation.register(WEBHOOK)
        yield simulation


def client(simulation: Simulation, key: str | None = None, version: str | None = None) -> stripe.StripeClient:
    return stripe.StripeClient(
        key or simulation.secret_key,
        stripe_version=version,
        base_addresses={"api": simulation.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=10),
    )


def get(
    simulation: Simulation, target: str, *, method: str = "GET", authorization: str | None = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", int(simulation.url.rpartition(":")[2]), timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["Authorization"] = f"Bearer {simulation.secret_key}" if authorization is None else authorization
    connection.request(method, target, headers=sent)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), json.loads(body) if body else None


# Reading ---------------------------------------------------------------------------------------------------------


def test_auto_paging_reads_everything_newest_first(simulation: Simulation) -> None:
    names = [each.name for each in client(simulation).v1.customers.list({"limit": 5}).auto_paging_iter()]
    assert names == ["Many", *(f"C{number:02}" for number in range(11, -1, -1))]


def test_auto_paging_before_a_cursor_reads_in_the_order_of_happening(simulation: Simulation) -> None:
    oldest = next(iter(simulation.account.customers))
    page = client(simulation).v1.customers.list({"limit": 5, "ending_before": oldest})
    assert [each.name for each in page.auto_paging_iter()] == [*(f"C{number:02}" for number in range(1, 12)), "Many"]


@pytest.mark.parametrize(
    "path",
    [
        "customers",
        "products",
        "prices",
        "coupons",
        "subscriptions",
        "invoices",
        "payment_intents",
        "charges",
        "invoice_payments",
    ],
)
def test_every_resource_is_listed_and_retrieved(simulation: Simulation, path: str) -> None:
    status, _, page = get(simulation, f"/v1/{path}?limit=2")
    assert (status, page["object"], page["url"]) == (200, "list", f"/v1/{path}")
    assert get(simulation, f"/v1/{path}/{page['data'][0]['id']}")[2] == page["data"][0]


def test_checkout_sessions_and_their_line_items(simulation: Simulation) -> None:
    price = next(iter(simulation.account.prices))
    session = simulation.account.checkout(price, name="Eve", email="eve@example.com", quantity=2)
    stripe_client = client(simulation)
    assert [each.id for each in stripe_client.v1.checkout.sessions.list({"limit": 3}).data] == [session.id]
    read = stripe_client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items", "subscription"]})
    assert read.line_items is not None
    assert [(item.price and item.price.id, item.quantity) for item in read.line_items.data] == [(price, 2)]
    assert read.subscription.id == session.subscription  # type: ignore[union-attr]  # expanded
    rows = get(simulation, f"/v1/checkout/sessions/{session.id}/line_items")[2]["data"]
    assert [row["quantity"] for row in rows] == [2]


def test_subscriptions_leave_out_the_canceled_unless_asked(simulation: Simulation) -> None:
    subscriptions = client(simulation).v1.subscriptions
    assert len(list(subscriptions.list({"limit": 100}).auto_paging_iter())) == 12
    assert len(list(subscriptions.list({"limit": 100, "status": "all"}).auto_paging_iter())) == 13
    ended = subscriptions.list({"status": "ended"}).data
    assert [each.id for each in ended] == [next(iter(simulation.account.subscriptions))]


def test_filters(simulation: Simulation) -> None:
    account = simulation.account
    customer = list(account.customers)[4]
    stripe_client = client(simulation)
    assert [each.name for each in stripe_client.v1.customers.list({"email": "c04@example.com"}).data] == ["C04"]
    assert [
        each.customer for each in stripe_client.v1.invoices.list({"customer": customer, "status": "paid"}).data
    ] == [
        customer,
        customer,
    ]
    assert [each.lookup_key for each in stripe_client.v1.prices.list({"lookup_keys": ["team"]}).data] == ["team"]
    created = account.customers[customer].created
    between = stripe_client.v1.customers.list({"created": {"gte": created, "lt": created + 60}}).data
    assert [each.id for each in between] == [customer]


def test_tiers_and_coupons_only_when_expanded(simulation: Simulation) -> None:
    stripe_client = client(simulation)
    tiered = next(each for each in simulation.account.prices.values() if each.tiers)
    plain = stripe_client.v1.prices.retrieve(tiered.id)
    assert "tiers" not in plain
    expanded = stripe_client.v1.prices.list({"expand": ["data.tiers"], "lookup_keys": ["tiered"]}).data[0]
    assert expanded.tiers is not None
    assert [tier.up_to for tier in expanded.tiers] == [5, None]
    discounted = list(simulation.account.subscriptions.values())[3]
    read = stripe_client.v1.subscriptions.retrieve(discounted.id, {"expand": ["discounts.source.coupon"]})
    assert read.discounts[0].source.coupon.percent_off == 25.0  # type: ignore[union-attr]  # expanded
    unexpanded = stripe_client.v1.subscriptions.retrieve(discounted.id)
    assert unexpanded.discounts == [discounted.discounts[0].id]


def test_the_expansions_of_a_reader_that_wants_everything_at_once(simulation: Simulation) -> None:
    tiered = next(each for each in simulation.account.prices.values() if each.tiers)
    price = get(simulation, f"/v1/prices/{tiered.id}?expand[0]=tiers&expand[1]=currency_options.tiers")[2]
    assert price["currency_options"]["usd"]["tiers"] == price["tiers"]
    assert [tier["up_to"] for tier in price["tiers"]] == [5, None]
    subscription = list(simulation.account.subscriptions)[-1]
    wanted = "expand[0]=discounts.source.coupon&expand[1]=items.data.price.tiers"
    read = get(simulation, f"/v1/subscriptions/{subscription}?{wanted}")[2]
    assert read["items"]["data"][0]["price"]["tiers"] == price["tiers"]
    plain, discounted = list(simulation.account.customers)[:2]
    coupon = next(iter(simulation.account.coupons))
    simulation.account.apply_customer_coupon(discounted, coupon)
    target = "/v1/customers/{}?expand[0]=discount.source.coupon"
    assert get(simulation, target.format(plain))[2]["discount"] is None
    assert get(simulation, target.format(discounted))[2]["discount"]["source"]["coupon"]["percent_off"] == 25.0


def test_expanding_through_a_list_and_an_embedded_list(simulation: Simulation) -> None:
    target = "/v1/subscriptions?limit=2&expand[]=data.customer&expand[]=data.items.data.price.product"
    rows = get(simulation, target)[2]["data"]
    assert [row["customer"]["name"] for row in rows] == ["Many", "C11"]
    assert {item["price"]["product"]["name"] for row in rows for item in row["items"]["data"]} == {"Team"}


def test_more_than_ten_items_and_lines_are_read_apart(simulation: Simulation) -> None:
    subscription = list(simulation.account.subscriptions)[-1]
    embedded = get(simulation, f"/v1/subscriptions/{subscription}")[2]["items"]
    assert (len(embedded["data"]), embedded["has_more"]) == (10, True)
    rows = list(
        client(simulation).v1.subscription_items.list({"subscription": subscription, "limit": 5}).auto_paging_iter()
    )
    assert len({row.id for row in rows}) == 12
    invoice = simulation.account.subscriptions[subscription].latest_invoice
    lines = list(client(simulation).v1.invoices.line_items.list(str(invoice), {"limit": 5}).auto_paging_iter())
    assert len({line.id for line in lines}) == len(simulation.account.invoices[str(invoice)].lines) > 10


def test_the_way_between_invoice_and_payment_since_basil(simulation: Simulation) -> None:
    stripe_client = client(simulation)
    invoice = next(each for each in simulation.account.invoices.values() if each.payment_intent)
    by_invoice = stripe_client.v1.invoice_payments.list({"invoice": invoice.id}).data
    by_intent = stripe_client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": str(invoice.payment_intent)}}
    ).data
    assert [each.invoice for each in by_intent] == [invoice.id]
    assert [each.payment.payment_intent for each in by_invoice] == [invoice.payment_intent]
    assert "payments" not in get(simulation, f"/v1/invoices/{invoice.id}")[2]
    expanded = get(simulation, f"/v1/invoices/{invoice.id}?expand[0]=payments")[2]["payments"]
    assert [row["payment"]["payment_intent"] for row in expanded["data"]] == [invoice.payment_intent]
    old = get(simulation, f"/v1/invoices/{invoice.id}?expand[]=payments", Stripe_Version="2020-08-27")
    assert (old[0], old[2]["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.version)
def test_a_read_has_the_shape_of_the_version_that_was_asked_for(simulation: Simulation, family: Any) -> None:
    invoice = next(iter(simulation.account.invoices.values()))
    status, headers, body = get(simulation, f"/v1/invoices/{invoice.id}", Stripe_Version=family.version)
    assert (status, headers["Stripe-Version"]) == (200, family.version)
    assert body == render_object(invoice, family)


def test_a_deleted_customer_is_a_stub_and_listed_no_more(simulation: Simulation) -> None:
    customer = list(simulation.account.customers)[-2]
    simulation.account.delete_customer(customer)
    assert get(simulation, f"/v1/customers/{customer}")[2] == {"id": customer, "object": "customer", "deleted": True}
    assert "C11" not in [each.name for each in client(simulation).v1.customers.list({"limit": 100}).data]


def test_webhook_endpoints_never_show_their_secret(simulation: Simulation) -> None:
    endpoint = client(simulation).v1.webhook_endpoints.list().data[0]
    assert (endpoint.url, endpoint.status, endpoint.enabled_events) == (WEBHOOK, "enabled", list(USUAL_EVENTS))
    assert endpoint.api_version == "2026-10-28.endive"
    assert "secret" not in endpoint


# Events ----------------------------------------------------------------------------------------------------------


def test_events_reach_back_thirty_days_by_the_accounts_clock(simulation: Simulation) -> None:
    account = simulation.account
    recent = [event.id for event in account.events if event.created >= account.now - 30 * DAY]
    listed = [each.id for each in client(simulation).v1.events.list({"limit": 100}).auto_paging_iter()]
    assert listed == recent[::-1]
    assert 0 < len(recent) < len(account.events)
    assert get(simulation, f"/v1/events/{account.events[0].id}")[0] == 404
    assert get(simulation, f"/v1/events/{recent[0]}")[2]["id"] == recent[0]


def test_events_before_a_cursor_come_in_the_order_of_happening(simulation: Simulation) -> None:
    account = simulation.account
    recent = [event.id for event in account.events if event.created >= account.now - 30 * DAY]
    page = client(simulation).v1.events.list({"limit": 20, "ending_before": recent[0]})
    assert [each.id for each in page.auto_paging_iter()] == recent[1:]


def test_events_by_type(simulation: Simulation) -> None:
    account = simulation.account
    kept = [event for event in reversed(account.events) if event.created >= account.now - 30 * DAY]
    events = client(simulation).v1.events

    def ids(**params: Any) -> list[str]:
        return [each.id for each in events.list({"limit": 100, **params}).auto_paging_iter()]  # type: ignore[arg-type]

    assert ids(type="invoice.paid") == [event.id for event in kept if event.type == "invoice.paid"]
    assert ids(type="invoice.*") == [event.id for event in kept if event.type.startswith("invoice.")]
    chosen = ("invoice.paid", "charge.succeeded")
    assert ids(types=list(chosen)) == [event.id for event in kept if event.type in chosen]


def test_events_by_delivery(simulation: Simulation) -> None:
    events = [event.id for event in simulation.account.events]
    simulation.acknowledged.update(events[:-2])
    failed = client(simulation).v1.events.list({"delivery_success": False}).data
    assert [each.id for each in failed] == events[:-3:-1]


def test_the_newest_events_may_show_late(simulation: Simulation) -> None:
    price = next(iter(simulation.account.prices))
    simulation.account.checkout(price, name="Eve", email="eve@example.com")
    simulation.faults.change(events_lag=60)
    newest = client(simulation).v1.events.list({"limit": 1}).data[0]
    assert newest.created <= simulation.account.now - 60
    simulation.account.advance(simulation.account.now + 60)
    assert client(simulation).v1.events.list({"limit": 1}).data[0].id == simulation.account.events[-1].id


def test_events_have_the_shape_that_was_asked_for(simulation: Simulation) -> None:
    paid = client(simulation, version="2019-12-03").v1.events.list({"type": "invoice.paid", "limit": 1}).data[0]
    assert paid.api_version == "2019-12-03"
    assert paid.data.object["paid"] is True


# Refusals --------------------------------------------------------------------------------------------------------


def test_keys_are_taken_as_bearer_and_as_basic(simulation: Simulation) -> None:
    basic = "Basic " + base64.b64encode(f"{simulation.secret_key}:".encode()).decode()
    assert get(simulation, "/v1/products", authorization=basic)[0] == 200


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic !!!", "Digest x", "Basic Og=="])
def test_no_key(simulation: Simulation, authorization: str) -> None:
    status, _, body = get(simulation, "/v1/products", authorization=authorization)
    assert (status, body["error"]["type"]) == (401, "invalid_request_error")
    assert body["error"]["message"].startswith("You did not provide an API key.")


def test_unknown_revoked_and_publishable_keys(simulation: Simulation) -> None:
    unknown = "sk_" + "test_" + "z" * 20
    with pytest.raises(stripe.AuthenticationError, match=r"Invalid API Key provided: sk_test_\*{16}zzzz"):
        client(simulation, unknown).v1.customers.list()
    simulation.keys.revoke(simulation.secret_key)
    with pytest.raises(stripe.AuthenticationError, match="Expired API Key provided") as refused:
        client(simulation).v1.customers.list()
    assert refused.value.json_body["error"]["code"] == "api_key_expired"  # type: ignore[index]
    with pytest.raises(stripe.AuthenticationError, match="cannot be made with a publishable API key"):
        client(simulation, simulation.publishable_key).v1.customers.list()


def test_a_restricted_key_reads_billing_but_not_the_account(simulation: Simulation) -> None:
    stripe_client = client(simulation, simulation.restricted_key)
    assert len(stripe_client.v1.customers.list().data) == 10
    with pytest.raises(stripe.PermissionError) as refused:
        stripe_client.raw_request("get", "/v1/account")
    assert str(refused.value.user_message) == (
        f"The provided key '{'rk_test_' + '*' * 23 + simulation.restricted_key[-4:]}' does not have the required "
        f"permissions for this endpoint on account '{simulation.account.id}'. Having the "
        "'rak_accounts_kyc_basic_read' permission would allow this request to continue."
    )
    account = get(simulation, "/v1/account")[2]
    assert (account["id"], account["object"]) == (simulation.account.id, "account")


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("rak_customer_read", "customers"),
        ("rak_product_read", "products"),
        ("rak_plan_read", "prices"),
        ("rak_coupon_read", "coupons"),
        ("rak_subscription_read", "subscriptions"),
        ("rak_invoice_read", "invoices"),
        ("rak_invoice_read", "invoice_payments"),
        ("rak_payment_intent_read", "payment_intents"),
        ("rak_charge_read", "charges"),
        ("rak_checkout_session_read", "checkout/sessions"),
        ("rak_event_read", "events"),
        ("rak_webhook_read", "webhook_endpoints"),
    ],
)
def test_each_permission_alone_makes_the_difference(simulation: Simulation, permission: str, path: str) -> None:
    key = simulation.restricted_key
    simulation.keys.add(key, set(PERMISSIONS) - {permission})
    status, _, body = get(simulation, f"/v1/{path}", authorization=f"Bearer {key}")
    assert (status, f"'{permission}'" in body["error"]["message"]) == (403, True)
    simulation.keys.add(key, {permission})
    assert get(simulation, f"/v1/{path}", authorization=f"Bearer {key}")[0] == 200


def test_what_a_usual_restricted_key_may(simulation: Simulation) -> None:
    assert set(PERMISSIONS) - USUAL_PERMISSIONS == {"rak_accounts_kyc_basic_read"}
    with pytest.raises(ValueError, match="unknown permissions: rak_everything"):
        simulation.keys.add(simulation.restricted_key, {"rak_everything"})
    with pytest.raises(ValueError, match="a key begins with"):
        simulation.keys.add("secret")


def test_missing_objects_and_unknown_addresses(simulation: Simulation) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription: 'sub_none'") as refused:
        client(simulation).v1.subscriptions.retrieve("sub_none")
    assert (refused.value.code, refused.value.http_status) == ("resource_missing", 404)
    for path in ("/v1/payouts", "/v1/customers/x/y/z", "/v2/core/events", "/", "/v1/account/x", "/_simulator/status"):
        status, _, body = get(simulation, path)
        assert (status, body["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=ten",
        "colour=red",
        "created[gt]=yesterday",
        "starting_after=a&ending_before=b",
        "expand[]=data.nothing",
        "expand[]=data.a.b.c.d.e",
        "expand[]=data.created",
    ],
)
def test_parameters_that_stripe_would_refuse(simulation: Simulation, query: str) -> None:
    status, _, body = get(simulation, f"/v1/customers?{query}")
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


def test_an_unknown_cursor(simulation: Simulation) -> None:
    assert get(simulation, "/v1/customers?starting_after=cus_none")[0] == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
def test_nothing_but_get(simulation: Simulation, method: str) -> None:
    status, headers, _ = get(simulation, "/v1/customers", method=method)
    assert (status, headers["Allow"]) == (405, "GET")
    assert len(simulation.account.customers) == 13


def test_another_account_or_an_impossible_version(simulation: Simulation) -> None:
    assert get(simulation, "/v1/customers", Stripe_Account="acct_other")[0] == 403
    assert get(simulation, "/v1/customers", Stripe_Account=simulation.account.id)[0] == 200
    status, _, body = get(simulation, "/v1/customers", Stripe_Version="1999-01-01")
    assert (status, body["error"]["message"]) == (400, "Invalid Stripe API version: 1999-01-01")


# Weather and headers ---------------------------------------------------------------------------------------------


def test_rate_limits_on_demand(simulation: Simulation) -> None:
    simulation.faults.change(limit_next=1, limit_reason="global-rate")
    with pytest.raises(stripe.RateLimitError) as limited:
        client(simulation).v1.customers.list()
    assert (limited.value.headers or {})["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert limited.value.json_body["error"]["code"] == "rate_limit"  # type: ignore[index]
    assert len(client(simulation).v1.customers.list().data) == 10


def test_every_third_request_is_limited(simulation: Simulation) -> None:
    simulation.faults.change(limit_every=3)
    assert [get(simulation, "/v1/coupons")[0] for _ in range(6)] == [200, 200, 429, 200, 200, 429]


def test_a_limit_per_second_counts_each_endpoint_apart() -> None:
    moment = [100.0]
    faults = Faults(Weather(limit_per_second=2), monotonic=lambda: moment[0])
    assert [faults.strike("coupons") for _ in range(2)] == [0.0, 0.0]
    with pytest.raises(Refusal) as limited:
        faults.strike("coupons")
    assert limited.value.status == 429
    assert faults.strike("products") == 0.0
    moment[0] += 1
    assert faults.strike("coupons") == 0.0


def test_server_errors_on_demand(simulation: Simulation) -> None:
    simulation.faults.change(fail_next=1)
    with pytest.raises(stripe.APIError):
        client(simulation).v1.customers.list()
    simulation.faults.change(fail_every=2)
    assert [get(simulation, "/v1/coupons")[0] for _ in range(3)] == [200, 500, 200]


@pytest.mark.parametrize("knobs", [{"storm": 1}, {"limit_every": "2"}, {"limit_every": True}])
def test_unknown_faults(simulation: Simulation, knobs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown fault|limit_every is a int"):
        simulation.faults.change(**knobs)


def test_headers_of_every_answer(simulation: Simulation) -> None:
    _, headers, _ = get(simulation, "/v1/customers")
    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == "2026-10-28.endive"
    assert parsedate_to_datetime(headers["Date"]).timestamp() == simulation.account.now
    with Simulation(family="2022-11-15") as older:
        assert get(older, "/v1/customers")[1]["Stripe-Version"] == "2022-11-15"
        assert older.family == family_of("2022-11-15")


def test_stopping_hangs_up_and_frees_the_port() -> None:
    simulation = Simulation().start()
    port = int(simulation.url.rpartition(":")[2])
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    kept.request("GET", "/v1/coupons", headers={"Authorization": f"Bearer {simulation.secret_key}"})
    assert kept.getresponse().read()
    simulation.stop()
    simulation.stop()
    again = Simulation(port=port).start()
    assert get(again, "/v1/coupons")[0] == 200
    again.stop()
