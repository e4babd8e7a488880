"""The checks that ask Stripe: the key, its permissions, its account, the registered endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe.events_wanted import REQUIRED_EVENTS
from integrations.stripe.kinds import REQUIRED, key_form_url
from integrations.stripe.verification import CHECKS, Outcome, Run, State, Subject
from integrations.stripe.verification.candidate import Candidate
from integrations.stripe.verification.endpoint import WHERE, check_endpoint, judge, same_url
from integrations.stripe.verification.keys import EDIT_KEY, check_key, check_permissions
from pqintel.simulator.server import PERMISSIONS, USUAL_PERMISSIONS
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from tests.integrations.peers import Peer, Reply

OURS = "https://pq.example/webhooks/stripe/t0ken/"
OTHER_MODE = "https://pq.example/webhooks/stripe/l1ve/"
EIGHT = list(REQUIRED_EVENTS)
ALL = [*EIGHT, "customer.subscription.*", "invoice.*", "payment_intent.*"]


def candidate_of(key: str, *, url: str = OURS, mode: Mode = Mode.TEST) -> Candidate:
    secrets = {"publishable_key": None, "secret_key": Secret(key), "webhook_secret": None}
    return Candidate(Connection(mode=mode), secrets, url, OTHER_MODE)


def run_after(*passed: str, **notes: Any) -> Run:
    run = Run.fresh(Subject.DRAFT, {name: label for name, (label, _) in CHECKS.items()})
    for name in passed:
        run = run.record(name, Outcome(State.OK, notes=notes))
    return run


KEY_ASKED = run_after("formats", "mode", "key")


@pytest.fixture
def simulation(settings: Any) -> Iterator[Simulation]:
    with Simulation(seed=11) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


# The key -------------------------------------------------------------------------------------------------------------


def test_a_restricted_key_is_accepted_and_its_account_learnt_from_the_refusal(simulation: Simulation) -> None:
    outcome = check_key(candidate_of(simulation.restricted_key), run_after("formats", "mode"))
    assert outcome == Outcome(State.OK, notes={"account_id": simulation.account.id})


def test_a_secret_key_is_accepted_with_a_warning(simulation: Simulation) -> None:
    outcome = check_key(candidate_of(simulation.secret_key), run_after("formats", "mode"))
    assert (outcome.state, outcome.notes) == (State.WARNING, {"account_id": simulation.account.id})
    assert "could change and charge anything" in outcome.detail
    assert "restricted key (rk_…)" in outcome.remedy


@pytest.mark.parametrize("revoked", [False, True])
def test_a_key_that_is_nobodys_or_revoked_is_refused(simulation: Simulation, revoked: bool) -> None:
    key = simulation.restricted_key if revoked else "rk_" + "test_" + "n" * 24
    if revoked:
        simulation.keys.revoke(key)
    assert check_key(candidate_of(key), run_after("formats", "mode")) == Outcome(
        State.FAILED,
        "Stripe does not accept the secret or restricted key: it is wrong, expired or deleted.",
        "Copy the key again at Stripe, Developers › API keys, or make a new one, and save it here.",
        breaks=True,
    )


def test_a_restricted_key_may_hide_its_account(settings: Any) -> None:
    with Peer(lambda asked: Reply(403, {"error": {"message": "No."}})) as peer:
        settings.STRIPE_API_BASE = peer.url
        outcome = check_key(candidate_of("rk_" + "test_" + "n" * 24), run_after("formats", "mode"))
    assert outcome == Outcome(State.OK, notes={"account_id": None})


@pytest.mark.parametrize(
    ("status", "said"),
    [(429, "Stripe asks to slow down: too many requests for this account."),
     (500, "Stripe answered with an error of its own.")],
)  # fmt: skip
def test_bad_weather_fails_without_breaking_what_works(settings: Any, status: int, said: str) -> None:
    with Peer(lambda asked: Reply(status, {"error": {"message": "x"}})) as peer:
        settings.STRIPE_API_BASE = peer.url
        outcome = check_key(candidate_of("rk_" + "test_" + "n" * 24), run_after("formats", "mode"))
    assert (outcome.state, outcome.detail, outcome.breaks) == (State.FAILED, said, False)
    assert len(peer.asked) == 2


def test_nobody_is_asked_about_a_key_that_is_no_key(settings: Any) -> None:
    with Peer(lambda asked: Reply()) as peer:
        settings.STRIPE_API_BASE = peer.url
        assert check_key(candidate_of("nonsense"), run_after("formats")).state is State.UNKNOWN
        assert check_permissions(candidate_of("nonsense"), run_after()).state is State.UNKNOWN
        assert check_endpoint(candidate_of("nonsense"), run_after()).state is State.UNKNOWN
    assert peer.connections == 0


# Permissions ---------------------------------------------------------------------------------------------------------


def test_all_permissions(simulation: Simulation) -> None:
    assert check_permissions(candidate_of(simulation.restricted_key), KEY_ASKED) == Outcome(
        State.OK,
        "All 10 that are needed: Customers, Subscriptions, Invoices, Payment intents, Charges, Products, Prices, "
        "Coupons, Checkout sessions, Events.",
    )


@pytest.mark.parametrize("permission", REQUIRED, ids=lambda permission: permission.label)
def test_each_missing_permission_is_named(simulation: Simulation, permission: Any) -> None:
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {permission.scope})
    assert check_permissions(candidate_of(simulation.restricted_key), KEY_ASKED) == Outcome(
        State.FAILED, f"The key may not read: {permission.label} ({permission.scope}).", EDIT_KEY, breaks=True
    )


def test_several_missing_permissions_are_named_together(simulation: Simulation) -> None:
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {"rak_invoice_read", "rak_plan_read"})
    outcome = check_permissions(candidate_of(simulation.restricted_key), KEY_ASKED)
    assert outcome.detail == "The key may not read: Invoices (rak_invoice_read); Prices (rak_plan_read)."


def test_the_filled_in_form_asks_for_what_is_checked() -> None:
    url = key_form_url(Mode.LIVE)
    scopes = [part.partition("=")[2] for part in url.split("&")[1:]]
    assert scopes == [*(permission.scope for permission in REQUIRED), "rak_webhook_read"]
    assert set(scopes) <= set(PERMISSIONS)
    assert url.startswith(
        "https://dashboard.stripe.com/apikeys/create?name=PQ%20Intel&permissions[0]=rak_customer_read&"
    )
    assert key_form_url(Mode.TEST).startswith("https://dashboard.stripe.com/test/apikeys/create?")


# The endpoint --------------------------------------------------------------------------------------------------------


def endpoint(url: str = OURS, events: list[str] = ALL, **changes: Any) -> dict[str, Any]:
    return {"url": url, "enabled_events": events, "status": "enabled", "livemode": False, **changes}


REGISTER = f"{WHERE} in test mode, set the endpoint's URL to the one shown here."


@pytest.mark.parametrize(
    "events",
    [
        ALL,
        ["*"],
        ["invoice.*", "customer.*", "payment_intent.*", "checkout.session.*"],
        [
            *EIGHT, "customer.subscription.paused", "customer.subscription.resumed",
            "customer.subscription.trial_will_end", "invoice.finalized", "invoice.updated", "invoice.voided",
            "invoice.marked_uncollectible", "invoice.payment_action_required", "payment_intent.requires_action",
            "payment_intent.processing", "payment_intent.canceled",
        ],
    ],
)  # fmt: skip
def test_a_good_endpoint(events: list[str]) -> None:
    other = endpoint("https://other.example/hook", ["charge.failed"])
    assert judge(candidate_of("x"), [other, endpoint(events=events)]) == Outcome(
        State.OK, "The URL is registered, enabled, and selects what is needed."
    )


@pytest.mark.parametrize(
    ("endpoints", "detail", "remedy"),
    [
        ([], "No webhook endpoint is registered at Stripe in test mode.", REGISTER),
        (
            [endpoint("https://b.example/x"), endpoint("https://user:word@a.example/hook?key=1")],
            "None of the endpoints at Stripe has this connection's URL; they lead to a.example, b.example.",
            REGISTER,
        ),
        (
            [endpoint("https://pq.example/webhooks/stripe/other/")],
            "An endpoint at Stripe leads to pq.example, but its URL is not that of this connection.",
            f"{REGISTER} Copy it with the button: every character counts.",
        ),
        (
            [endpoint("http://old.example/webhooks/stripe/t0ken")],
            "The endpoint at Stripe has another scheme or host than https://pq.example.",
            f"{REGISTER} If that address is the right one, set PQ_BASE_URL to it.",
        ),
        (
            [endpoint(OTHER_MODE)],
            "In test mode, Stripe has the URL of the live mode connection registered.",
            REGISTER,
        ),
        (
            [endpoint(livemode=True)],
            "The endpoint with this URL is not a test mode endpoint.",
            "Switch Stripe's Dashboard to test mode and register the URL there.",
        ),
        (
            [endpoint(status="disabled")],
            "The endpoint is registered, but disabled.",
            f"{WHERE} open the endpoint and enable it.",
        ),
        (
            [endpoint(events=[event for event in ALL if not event.startswith("checkout")])],
            (
                "1 of the 8 required events not selected. Without them: checkout.session.completed: customers who come "
                "through Checkout are not welcomed or linked to your users."
            ),
            f"{WHERE} open the endpoint, edit its events and add: checkout.session.completed.",
        ),
    ],
)
def test_what_is_wrong_with_an_endpoint(endpoints: list[dict[str, Any]], detail: str, remedy: str) -> None:
    assert judge(candidate_of("x"), endpoints) == Outcome(State.FAILED, detail, remedy)


def test_an_endpoint_without_events_is_told_what_breaks() -> None:
    outcome = judge(candidate_of("x"), [endpoint(events=[])])
    assert outcome.detail.startswith("8 of the 8 required events not selected.")
    assert all(f"{event}: {breaks}" in outcome.detail for event, breaks in REQUIRED_EVENTS.items())


def test_recommended_events_are_a_warning() -> None:
    assert judge(candidate_of("x"), [endpoint(events=[*EIGHT, "invoice.*"])]) == Outcome(
        State.WARNING,
        "The 8 required events are selected. Recommended as well: customer.subscription.*: pauses, resumptions and "
        "ending trials show late; payment_intent.*: payments that wait for the customer's bank show late.",
        f"{WHERE} edit the endpoint's events and add all of customer.subscription.*, payment_intent.*.",
    )


def test_two_endpoints_for_one_url_are_a_warning() -> None:
    outcome = judge(candidate_of("x"), [endpoint(), endpoint(OURS.rstrip("/"))])
    assert outcome.state is State.WARNING
    assert outcome.detail.startswith("2 endpoints have this URL. Each signs with a secret of its own;")


def test_a_disabled_twin_does_no_harm() -> None:
    assert judge(candidate_of("x"), [endpoint(status="disabled"), endpoint()]).state is State.OK


def test_behind_a_local_address_stripe_listen_is_the_way(settings: Any) -> None:
    local = candidate_of("x", url="http://127.0.0.1:8000/webhooks/stripe/t0ken/")
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    outcome = judge(local, [endpoint("https://other.example/")])
    assert (outcome.state, "stripe listen --forward-to" in outcome.remedy) == (State.WARNING, True)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"  # a stand-in on this machine does reach it
    assert judge(local, [endpoint("https://other.example/")]).state is State.FAILED


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (OURS, OURS.rstrip("/"), True),
        (OURS, OURS.replace("pq.example", "PQ.Example:443"), True),
        (OURS, OURS.replace("t0ken", "T0ken"), False),
        (OURS, OURS.replace("https", "http"), False),
        (OURS, OURS + "?a=1", False),
        (OURS, "https://pq.example:99999/", False),
        (OURS, "nonsense", False),
    ],
)
def test_same_url(one: str, other: str, same: bool) -> None:
    assert same_url(one, other) is same


def test_no_text_about_endpoints_holds_a_token() -> None:
    for found in (
        [],
        [endpoint(OTHER_MODE)],
        [endpoint("https://x.example/webhooks/stripe/t0ken")],
        [endpoint(events=[])],
    ):
        outcome = judge(candidate_of("x"), found)
        assert "t0ken" not in outcome.detail + outcome.remedy
        assert "l1ve" not in outcome.detail + outcome.remedy


def test_the_registered_endpoint_is_looked_up(simulation: Simulation) -> None:
    simulation.register(OURS)
    assert check_endpoint(candidate_of(simulation.restricted_key), KEY_ASKED).state is State.OK


def test_without_the_permission_the_endpoint_is_unknown(simulation: Simulation) -> None:
    simulation.keys.add(simulation.restricted_key, USUAL_PERMISSIONS - {"rak_webhook_read"})
    outcome = check_endpoint(candidate_of(simulation.restricted_key), KEY_ASKED)
    assert (outcome.state, outcome.remedy) == (
        State.UNKNOWN,
        "Give the key Webhook endpoints: Read to have it checked. Deliveries work without.",
    )
