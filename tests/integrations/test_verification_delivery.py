"""The signed test event: through the public URL, into the inbox, to a worker; and what is said when it gets stuck."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.modes import Mode
from integrations.models import InboxEvent, InboxState, SigningState
from integrations.stripe import selftest
from integrations.stripe.signature import sign, verify
from integrations.stripe.verification import Outcome, State, delivery
from integrations.stripe.verification.candidate import Candidate
from integrations.stripe.verification.delivery import check_delivery, check_processed
from integrations.tasks import drain
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.integrations.peers import Peer, Reply
from tests.integrations.stage import connection_of, stored
from tests.integrations.test_verification_stripe import run_after

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def candidate(workspace: Workspace, mode: Mode = Mode.TEST) -> Candidate:
    connection_of(workspace, mode)
    with scope(workspace):
        return Candidate.of(connection_of(workspace, mode))


def deliver(workspace: Workspace, mode: Mode = Mode.TEST) -> Outcome:
    with scope(workspace):
        return check_delivery(candidate(workspace, mode), run_after())


def look(workspace: Workspace, delivered: Outcome) -> Outcome:
    with scope(workspace):
        return check_processed(candidate(workspace), run_after("delivery", **delivered.notes))


def events(workspace: Workspace) -> list[tuple[str, str]]:
    with scoped_transaction(workspace):
        return list(InboxEvent.objects.values_list("event_id", "state"))


# Made ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_test_event_is_recognised_by_its_id_and_its_signature(workspace: Workspace, settings: Any) -> None:
    test, live = connection_of(workspace), connection_of(workspace, Mode.LIVE)
    event_id, body = selftest.build_event(test, NOW)
    event = json.loads(body)
    assert event_id.startswith(selftest.SELFTEST_PREFIX)
    assert (event["id"], event["type"], event["created"], event["livemode"]) == (
        event_id,
        selftest.SELFTEST_TYPE,
        int(NOW.timestamp()),
        False,
    )
    assert json.loads(selftest.build_event(live, NOW)[1])["livemode"] is True
    assert selftest.build_event(test, NOW)[0] != event_id

    settings.PQ_KEYS = f"k1:{'1' * 64}"
    header = sign(body, selftest.selftest_secret(test.pk), int(NOW.timestamp()))
    settings.PQ_KEYS = f"k2:{'2' * 64},k1:{'1' * 64}"  # the receiving process has rotated already
    assert verify(header, body, selftest.selftest_secrets(test.pk), NOW.timestamp()) == 1
    assert selftest.selftest_secrets(test.pk) != selftest.selftest_secrets(live.pk)


# Through our own web server ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", Mode)
def test_it_arrives_and_is_processed(workspace: Workspace, live_server: LiveServer, settings: Any, mode: Mode) -> None:
    settings.PQ_BASE_URL = live_server.url
    delivered = deliver(workspace, mode)
    assert (delivered.state, delivered.detail.startswith("Answered 200 in ")) == (State.OK, True)
    ((event_id, state),) = events(workspace)
    assert (event_id, state) == (delivered.notes["event_id"], InboxState.PENDING)

    drain(stored(workspace, mode).lane)
    with scope(workspace):
        processed = check_processed(candidate(workspace, mode), run_after("delivery", **delivered.notes))
    assert (processed.state, processed.detail.startswith("A worker processed it within ")) == (State.OK, True)
    row = stored(workspace, mode)
    assert (row.signing_state, row.last_delivery_at) == (SigningState.UNPROVEN, None)


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_it_waits_and_then_says_how_to_start_one(
    workspace: Workspace, live_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PQ_BASE_URL = live_server.url
    monkeypatch.setattr(delivery, "LOOK_SECONDS", 0.0)
    delivered = deliver(workspace)
    waiting = look(workspace, delivered)
    assert (waiting.state, waiting.detail[:20]) == (State.RUNNING, "Waiting for a worker")
    early = Outcome(State.OK, notes={**delivered.notes, "sent_at": delivered.notes["sent_at"] - 20})
    assert look(workspace, early) == Outcome(
        State.FAILED,
        "The test event arrived, but no worker has taken it within 20 s.",
        "Start a worker: celery -A pqintel worker. If one runs, look whether it reaches Redis and the database.",
    )


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_could_not_process_is_a_failure(
    workspace: Workspace, live_server: LiveServer, settings: Any
) -> None:
    settings.PQ_BASE_URL = live_server.url
    delivered = deliver(workspace)
    with scoped_transaction(workspace):
        InboxEvent.objects.update(state=InboxState.QUARANTINED)
    assert look(workspace, delivered).detail == "A worker took the test event, but did not process it."


@pytest.mark.django_db
def test_there_is_nothing_to_wait_for_when_nothing_arrived(workspace: Workspace) -> None:
    assert look(workspace, Outcome(State.FAILED)) == Outcome(
        State.UNKNOWN, "There was nothing to process, because the test event did not arrive."
    )


# Through whatever else may stand at the public URL -------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200), "answered 200, but the test event did not arrive: something else answers."),
        (
            Reply(301, headers={"Location": "https://www.pq.example/webhooks/stripe/t0ken/"}),
            "redirects to https://www.pq.example (301). Stripe does not follow redirects; a redirect is a failed",
        ),
        (Reply(307, headers={"Location": "/login"}), "redirects (307). Stripe does not follow redirects;"),
        (Reply(304), "redirects (304). Stripe does not follow redirects;"),
        (
            Reply(400),
            "did not accept the signature (400): the body was changed on the way, or other keys are in use there.",
        ),
        (Reply(401), "asks for a login or blocks the request (401). PQ Intel never does that here."),
        (Reply(403), "asks for a login or blocks the request (403). PQ Intel never does that here."),
        (Reply(404), "does not know the path (404): the request did not reach PQ Intel."),
        (Reply(413), "finds the request too large (413)."),
        (Reply(502), "answers for a web server that is down or slow (502)."),
        (Reply(503), "cannot store events now (503)."),
        (Reply(500), "answered 500."),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_each_answer_is_explained(workspace: Workspace, settings: Any, reply: Reply, said: str) -> None:
    with Peer(lambda asked: reply) as peer:
        settings.PQ_BASE_URL = peer.url
        outcome = deliver(workspace)
    assert outcome.state is State.FAILED
    assert outcome.detail.startswith(f"{peer.url} {said}")
    assert outcome.remedy
    (asked,) = peer.asked
    assert (asked.method, asked.path.startswith("/webhooks/stripe/")) == ("POST", True)
    token = asked.path.split("/")[3]
    assert token not in outcome.detail + outcome.remedy
    assert set(asked.headers) >= {"Stripe-Signature", "Content-Type"}


@pytest.mark.django_db
def test_a_refused_connection_is_explained(workspace: Workspace, settings: Any) -> None:
    with Peer(lambda asked: Reply()) as peer:
        settings.PQ_BASE_URL = peer.url
    assert deliver(workspace) == Outcome(
        State.FAILED,
        f"{peer.url} refuses connections.",
        "Nothing listens there: start the web server, or correct PQ_BASE_URL.",
    )


@pytest.mark.django_db
def test_silence_is_explained(workspace: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.PQ_BASE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
        outcome = deliver(workspace)
    assert outcome.detail == f"{settings.PQ_BASE_URL} took longer than 15 s to answer."


@pytest.mark.django_db
def test_tls_where_there_is_none_is_explained(workspace: Workspace, settings: Any) -> None:
    with Peer(lambda asked: Reply()) as peer:
        settings.PQ_BASE_URL = peer.url.replace("http:", "https:")
        assert deliver(workspace).detail == f"{settings.PQ_BASE_URL} does not speak TLS as Stripe does."


@pytest.mark.django_db
def test_a_name_without_an_address_is_explained(workspace: Workspace, settings: Any) -> None:
    settings.PQ_BASE_URL = "https://pq.invalid"
    assert deliver(workspace).detail == "https://pq.invalid has no address: its name is not in the DNS."
