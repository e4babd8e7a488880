"""The client of Stripe's API: what it answers, what its errors say, and that it can only read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integrations.stripe.client import (
    KeyRefused,
    NotFound,
    PermissionMissing,
    RateLimited,
    ReadFailed,
    RequestRefused,
    StripeReader,
    Unreachable,
)
from integrations.stripe.kinds import Kind
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from tests.integrations.peers import Peer, Reply

KEY = "rk_" + "test_" + "clientcanary" * 2
DATE = "Mon, 02 Mar 2026 10:00:05 GMT"


def reader(base: str, *, max_retries: int = 0) -> StripeReader:
    return StripeReader(Secret(KEY), base=base, max_retries=max_retries, first_delay=0.0)


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """One subscriber of a tiered price, one registered endpoint."""
    with Simulation(seed=5) as simulation:
        account = simulation.account
        product = account.create_product("Team")
        price = account.create_price(product.id, tiers_mode="graduated", tiers=[(5, 700), (None, "612.5")])
        account.subscribe(account.create_customer(name="Ada", email="ada@example.com").id, price.id)
        simulation.register("https://pq.example/webhooks/stripe/tok/")
        yield simulation


# Reading -------------------------------------------------------------------------------------------------------------


def test_answers_are_plain_json(simulation: Simulation) -> None:
    with StripeReader(Secret(simulation.secret_key), base=simulation.url) as stripe_reader:
        (price,) = stripe_reader.page(Kind.PRICE)["data"]
        read = stripe_reader.retrieve(Kind.PRICE, price["id"], expand=("tiers",))
        endpoints = stripe_reader.webhook_endpoints()
        account = stripe_reader.account()
        (invoice,) = stripe_reader.page(Kind.INVOICE, limit=1)["data"]
        (payment,) = stripe_reader.invoice_payments(invoice["id"])
    assert isinstance(read, dict)
    assert read["tiers"][1]["unit_amount_decimal"] == "612.5"
    assert "tiers" not in price
    assert [endpoint["url"] for endpoint in endpoints] == ["https://pq.example/webhooks/stripe/tok/"]
    assert account["id"] == simulation.account.id
    assert payment["invoice"] == invoice["id"]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.EVENT])
def test_every_kind_lies_where_we_look(simulation: Simulation, kind: Kind) -> None:
    with StripeReader(Secret(simulation.secret_key), base=simulation.url) as stripe_reader:
        assert {found["object"] for found in stripe_reader.page(kind)["data"]} <= {kind.value}
        stripe_reader.ping(kind)


def test_what_is_sent_is_a_bare_get_with_the_key() -> None:
    with Peer(lambda asked: Reply(body={"object": "list", "data": []})) as peer, reader(peer.url) as stripe_reader:
        stripe_reader.page(Kind.CHECKOUT_SESSION, limit=3, created={"gte": 5})
    (asked,) = peer.asked
    assert (asked.method, asked.path) == ("GET", "/v1/checkout/sessions?limit=3&created[gte]=5")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert {name.lower() for name in asked.headers} == {
        "host", "accept", "accept-encoding", "connection", "authorization", "stripe-version", "user-agent",
    }  # fmt: skip


def test_an_id_cannot_lead_to_another_path() -> None:
    with Peer(lambda asked: Reply(body={"id": "x"})) as peer, reader(peer.url) as stripe_reader:
        stripe_reader.retrieve(Kind.COUPON, "../account?x=1#20% off")
    assert peer.asked[0].path == "/v1/coupons/..%2Faccount%3Fx%3D1%2320%25%20off"


def test_an_answer_tells_when_it_was_asked_by_the_clock_of_stripe() -> None:
    answers = iter([Reply(headers={"Date": DATE}), Reply(headers={"Date": "yesterday"})])
    with Peer(lambda asked: next(answers)) as peer, reader(peer.url) as stripe_reader:
        by_date = stripe_reader.ask("/v1/account").asked_at
        before = datetime.now(UTC).replace(microsecond=0)
        by_us = stripe_reader.ask("/v1/account").asked_at
    stated = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)
    assert stated - timedelta(seconds=30) < by_date <= stated
    assert before <= by_us <= datetime.now(UTC)
    assert (by_us.microsecond, by_us.tzinfo) == (0, UTC)


# Errors --------------------------------------------------------------------------------------------------------------


def error(status: int, message: str = "", **headers: str) -> Reply:
    said = message or f"Something with {KEY} inside"
    return Reply(status, {"error": {"message": said, "type": "invalid_request_error"}}, headers)


PERMISSION_TEXT = (
    "The provided key 'rk_test_*********abcd' does not have the required permissions for this endpoint on account "
    "'acct_1Nv0FGQ9RKHgCVdK'. Having the 'rak_subscription_read' or 'rak_billing_read' permission would allow this "
    "request to continue."
)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(401), KeyRefused),
        (error(403, PERMISSION_TEXT), PermissionMissing),
        (error(404), NotFound),
        (error(400), RequestRefused),
        (error(402), RequestRefused),
        (error(409), RequestRefused),
        (error(429), RateLimited),
        (error(500), Unreachable),
        (error(503), Unreachable),
        (Reply(301, b"", {"Location": "https://elsewhere.example/"}), Unreachable),
        (Reply(200, b"<html>not json"), Unreachable),
        (Reply(200, b'["a list"]'), Unreachable),
        (Reply(200, b"\xff\xfe"), Unreachable),
    ],
)
def test_refusals_become_few_errors_that_hold_no_key(reply: Reply, kind: type[ReadFailed]) -> None:
    with Peer(lambda asked: reply) as peer, reader(peer.url) as stripe_reader, pytest.raises(ReadFailed) as failure:
        stripe_reader.account()
    assert type(failure.value) is kind
    assert (failure.value.__cause__, failure.value.__context__) == (None, None)
    assert "canary" not in repr(failure.value) + str(failure.value) + str(vars(failure.value))


def test_a_missing_permission_names_scopes_and_account() -> None:
    with (
        Peer(lambda asked: error(403, PERMISSION_TEXT)) as peer,
        reader(peer.url) as stripe_reader,
        pytest.raises(PermissionMissing) as failure,
    ):
        stripe_reader.ping(Kind.SUBSCRIPTION)
    assert failure.value.scopes == ("rak_subscription_read", "rak_billing_read")
    assert failure.value.account_id == "acct_1Nv0FGQ9RKHgCVdK"


def test_nobody_there_is_unreachable_and_holds_no_key() -> None:
    with Peer(lambda asked: Reply()) as peer:
        gone = peer.url
    with reader(gone) as stripe_reader, pytest.raises(Unreachable, match="No connection to Stripe") as failure:
        stripe_reader.account()
    assert (failure.value.__cause__, failure.value.__context__) == (None, None)


def test_silence_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.stripe.readonly.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stripe_reader = reader(f"http://127.0.0.1:{server.getsockname()[1]}")
        with stripe_reader, pytest.raises(Unreachable, match="in time"):
            stripe_reader.account()


@pytest.mark.parametrize(
    ("replies", "retries", "asked"),
    [
        ([error(429), error(429), Reply(body={"id": "acct_1"})], 3, 3),
        ([error(500), Reply(body={"id": "acct_1"})], 1, 2),
        ([Reply(body={"id": "acct_1"})], 3, 1),
    ],
)
def test_repeats_what_may_pass(replies: list[Reply], retries: int, asked: int) -> None:
    left = iter(replies)
    with Peer(lambda _: next(left)) as peer, reader(peer.url, max_retries=retries) as stripe_reader:
        assert stripe_reader.account() == {"id": "acct_1"}
    assert len(peer.asked) == asked


@pytest.mark.parametrize(("status", "asked"), [(429, 3), (503, 3), (401, 1), (403, 1), (404, 1)])
def test_repeats_are_bounded(status: int, asked: int) -> None:
    with (
        Peer(lambda _: error(status)) as peer,
        reader(peer.url, max_retries=2) as stripe_reader,
        pytest.raises(ReadFailed),
    ):
        stripe_reader.account()
    assert len(peer.asked) == asked
