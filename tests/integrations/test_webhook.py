"""Receiving: who is let in, what is stored, what is answered. Through the whole middleware, on real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.models import InboxEvent, InboxState, RefusedDelivery
from integrations.stripe import webhook
from integrations.stripe.refusals import refusals
from integrations.stripe.routes import routes
from integrations.stripe.selftest import build_event, selftest_secret
from integrations.stripe.signature import sign
from integrations.stripe.webhook import LONGEST_BODY
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

from .lanes import Lane, event, new_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lane() -> Lane:
    return new_lane()


def post(lane: Lane, body: bytes, *, secret: bytes | None = None, at: float | None = None, slash: str = "/"):
    header = sign(body, secret if secret is not None else lane.secret, int(at if at is not None else time.time()))
    return Client().post(
        lane.path.removesuffix("/") + slash, body, content_type="application/json", HTTP_STRIPE_SIGNATURE=header
    )


def stored(lane: Lane) -> list[InboxEvent]:
    with scoped_transaction(lane.workspace):
        return list(InboxEvent.objects.order_by("pk"))


def test_a_signed_event_is_stored_once_whole_and_sealed(lane: Lane) -> None:
    body = json.dumps(event("evt_1", "customer.created", {"id": "cus_1", "object": "customer"})).encode()
    answers = [post(lane, body, slash=slash).status_code for slash in ("/", "", "/")]
    assert answers == [200, 200, 200]
    (row,) = stored(lane)
    assert (row.event_id, row.state, row.mode, row.proves) == ("evt_1", InboxState.PENDING, "test", True)
    assert body not in bytes(row.body)
    assert lane.open(row) == body


def counted(lane: Lane) -> list[RefusedDelivery]:
    """The refused deliveries, once their thread has written them."""
    refusals.finish()
    with scoped_transaction(lane.workspace):
        return list(RefusedDelivery.objects.all())


@pytest.mark.parametrize("offset", [-301, 330, -86400, 86400])  # the future comes nearer while it is sent
def test_a_stale_or_future_timestamp_is_refused_and_counted(lane: Lane, offset: int) -> None:
    assert post(lane, b'{"id":"evt_1"}', at=time.time() + offset).status_code == 400
    assert stored(lane) == []
    (refused,) = counted(lane)
    assert (refused.reason, refused.count) == ("stale" if offset < 0 else "future", 1)


@pytest.mark.parametrize("offset", [-240, 240])
def test_a_clock_four_minutes_off_is_accepted(lane: Lane, offset: int) -> None:
    assert post(lane, b'{"id":"evt_1"}', at=time.time() + offset).status_code == 200


def test_a_wrong_secret_a_foreign_url_and_no_url_are_answered_alike(lane: Lane) -> None:
    other = new_lane("other")
    body = b'{"id":"evt_1"}'
    wrong = post(lane, body, secret=b"whsec_wrong")
    foreign = post(lane, body, secret=other.secret)
    nowhere = Client().post(
        "/webhooks/stripe/nobody/",
        body,
        content_type="application/json",
        HTTP_STRIPE_SIGNATURE=sign(body, lane.secret, int(time.time())),
    )
    assert {(r.status_code, r.content, tuple(sorted(r.headers.items()))) for r in (wrong, foreign, nowhere)} == {
        (400, wrong.content, tuple(sorted(wrong.headers.items())))
    }
    assert stored(lane) == stored(other) == []


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head"])
def test_other_methods_get_405(lane: Lane, method: str) -> None:
    answer = getattr(Client(), method)(lane.path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_over_two_mebibytes_gets_413_and_one_of_two_is_taken(lane: Lane) -> None:
    longest = b'{"id":"evt_1","x":"' + b"x" * (LONGEST_BODY - 21) + b'"}'
    assert len(longest) == LONGEST_BODY
    assert post(lane, longest + b" ").status_code == 413
    assert post(lane, longest).status_code == 200


@pytest.mark.parametrize(
    "body", [b"not json", b"[1]", b'{"id": 7}', b'{"id": "\\u0000"}', b"[" * 200_000, b'{"id":""}', b"\xff\xfe"]
)
def test_a_signed_body_without_a_usable_id_is_stored_by_its_hash(lane: Lane, body: bytes) -> None:
    assert post(lane, body).status_code == 200
    assert post(lane, body).status_code == 200
    (row,) = stored(lane)
    assert row.event_id.startswith("sha256:")
    assert lane.open(row) == body


def test_during_a_secret_roll_both_verify_and_afterwards_only_the_new_one(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        lane.connection.previous_webhook_secret = "whsec_" + "old"
        lane.connection.previous_valid_until = timezone.now() + timedelta(hours=24)
        lane.connection.save()
    routes.forget()
    assert post(lane, b'{"id":"evt_1"}', secret=b"whsec_old").status_code == 200
    assert post(lane, b'{"id":"evt_2"}').status_code == 200
    assert [(r.event_id, r.proves) for r in stored(lane)] == [("evt_1", False), ("evt_2", True)]
    with scoped_transaction(lane.workspace):
        lane.connection.previous_valid_until = timezone.now() - timedelta(seconds=1)
        lane.connection.save()
    routes.forget()
    assert post(lane, b'{"id":"evt_3"}', secret=b"whsec_old").status_code == 400


def test_a_new_secret_is_known_at_once_although_routes_are_remembered(lane: Lane) -> None:
    assert post(lane, b'{"id":"evt_1"}').status_code == 200
    with scoped_transaction(lane.workspace):
        lane.connection.webhook_secret = "whsec_" + "new"
        lane.connection.save()
    time.sleep(0.25)
    assert post(lane, b'{"id":"evt_2"}', secret=b"whsec_new").status_code == 200


def elsewhere(work: Callable[[], object]) -> Thread:
    """Another thread with a database session of its own, which what it begins is committed by."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


def test_a_workspace_that_was_deleted_a_moment_ago_is_nobodys(lane: Lane) -> None:
    other = new_lane("other")
    assert post(lane, b'{"id":"evt_1"}').status_code == 200  # from now on, the route is remembered
    elsewhere(lambda: delete_workspace(lane.workspace)).join()
    unknown = refusals.unknown
    answered = post(lane, b'{"id":"evt_2"}')
    nobodys = Client().post("/webhooks/stripe/nobody/", b"{}", content_type="application/json")
    assert (answered.status_code, answered.content) == (nobodys.status_code, nobodys.content)
    assert answered.status_code == 400
    assert "Retry-After" not in answered.headers
    assert refusals.unknown == unknown + 2
    assert routes.find(lane.token) is None
    assert post(other, b'{"id":"evt_1"}').status_code == 200


def test_a_delivery_that_arrives_while_its_workspace_is_being_deleted(lane: Lane) -> None:
    """It waits for what becomes of the workspace, and is answered by that."""
    assert post(lane, b'{"id":"evt_1"}').status_code == 200
    deleted, go_on = Event(), Event()

    def delete() -> None:
        with scoped_transaction(lane.workspace):
            Workspace.objects.select_for_update().get(pk=lane.workspace.pk).delete()
            deleted.set()
            go_on.wait(10)

    deleting = elsewhere(delete)
    assert deleted.wait(10)
    codes: list[int] = []
    delivering = elsewhere(lambda: codes.append(post(lane, b'{"id":"evt_2"}').status_code))
    delivering.join(0.3)
    assert codes == []
    go_on.set()
    for thread in (deleting, delivering):
        thread.join(10)
    assert codes == [400]


def test_a_statement_that_fails_otherwise_is_put_off(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is there: what could not be stored has to come again."""
    statement = "INSERT INTO workspaces_workspace (id) VALUES (NULL) RETURNING %s, %s, %s, %s, %b, %s"
    monkeypatch.setattr(webhook, "_RECEIVE", statement)
    assert post(lane, b'{"id":"evt_1"}').status_code == 503


def test_the_test_event_has_a_secret_of_its_own_that_signs_nothing_else(lane: Lane) -> None:
    event_id, body = build_event(lane.connection, timezone.now())
    own = selftest_secret(lane.connection.pk)
    assert post(lane, body, secret=own).status_code == 200
    assert post(lane, b'{"id":"evt_1"}', secret=own).status_code == 400
    assert [r.event_id for r in stored(lane)] == [event_id]


def test_a_redelivery_rearms_a_quarantined_event_and_no_other(lane: Lane) -> None:
    body = b'{"id":"evt_1"}'
    post(lane, body)
    for state, after in [
        ("quarantined", "pending"),
        ("dismissed", "dismissed"),
        ("done", "done"),
        ("ignored", "ignored"),
    ]:
        with scoped_transaction(lane.workspace):
            InboxEvent.objects.update(state=state)
        assert post(lane, body).status_code == 200
        assert [r.state for r in stored(lane)] == [after]


def test_one_delivery_costs_one_statement(lane: Lane, django_assert_num_queries) -> None:
    post(lane, b'{"id":"evt_0"}')
    with django_assert_num_queries(1, connection=connection):
        post(lane, b'{"id":"evt_1"}')
