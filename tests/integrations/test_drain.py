"""The worker's side of the inbox: what becomes of each event, and that one of them never stops the others."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.fingerprint import canonical
from billing.metrics.mrr import mrr_at
from billing.models import Customer, HistoryEntry, Subscription
from billing.modes import Mode
from integrations.models import Connection, InboxEvent
from integrations.stripe.drain import drain
from integrations.stripe.selftest import build_event
from integrations.stripe.status import inbox_status
from integrations.tasks import release_held
from pqintel.queue import hold_lane
from pqintel.workspaces.tenancy import scoped_transaction

from .lanes import SECOND, Lane, event, new_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lane() -> Lane:
    return new_lane()


def customer(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"cus_{number}", "object": "customer", "created": SECOND, "email": f"c{number}@example.com", **fields}


def created(number: int, **more: Any) -> dict[str, Any]:
    return event(f"evt_{number}", "customer.created", customer(number), at=SECOND + number, **more)


def subscription(status: str, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    price = {
        "id": "price_1",
        "object": "price",
        "product": "prod_1",
        "currency": "usd",
        "unit_amount": 2000,
        "unit_amount_decimal": "2000",
        "billing_scheme": "per_unit",
        "type": "recurring",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    }
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": status,
        "created": SECOND,
        "currency": "usd",
        "cancel_at_period_end": False,
        "items": {"object": "list", "has_more": False, "data": [{"id": "si_1", "price": price, "quantity": quantity}]},
        **fields,
    }


def mrr(lane: Lane) -> dict[str, str]:
    with scoped_transaction(lane.workspace):
        at = mrr_at(lane.workspace.pk, Mode.TEST, timezone.now() + timedelta(days=3650))
        return {line.currency: line.mrr.plain() for line in at.currencies}


def test_events_become_state_and_their_payload_is_wiped(lane: Lane) -> None:
    lane.put(created(1), event("evt_x", "radar.early_fraud_warning.created", {"object": "whatever"}))
    drained = drain(lane.number)
    assert (drained.events, drained.more) == (2, False)
    assert lane.states() == {"evt_1": "done", "evt_x": "ignored"}
    with scoped_transaction(lane.workspace):
        assert Customer.objects.get().email == "c1@example.com"
        assert InboxEvent.objects.filter(body=None).count() == 2
        assert Connection.objects.get().signing_state == "proven"
        assert HistoryEntry.objects.get().event_id == "evt_1"


def test_events_of_another_account_or_mode_are_rejected_with_the_reason_and_never_applied(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        Connection.objects.update(account_id="acct_ours")
    lane.put(created(1, livemode=True), created(2, account="acct_theirs"), created(3, account="acct_ours"))
    drain(lane.number)
    assert lane.states() == {"evt_1": "rejected", "evt_2": "rejected", "evt_3": "done"}
    with scoped_transaction(lane.workspace):
        assert [c.stripe_id for c in Customer.objects.all()] == ["cus_3"]
        reasons = dict(InboxEvent.objects.filter(state="rejected").values_list("event_id", "reason"))
        assert InboxEvent.objects.filter(state="rejected", body=None).count() == 2
    assert reasons["evt_1"].startswith("It is a live-mode event, but this is the test URL.")
    assert reasons["evt_2"] == "It belongs to the account acct_theirs; acct_ours is connected here."


@pytest.mark.parametrize(
    "poison",
    [
        b"no json",
        b"[1, 2]",
        b'{"id": "evt_p", "amount": NaN}',
        b'{"id": "evt_p", "type": "customer.created", "created": 1, "livemode": false, "data": {}}',
        b'{"id": "evt_p", "object": "v2.core.event", "type": "v1.billing", "related_object": {}}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
    ids=["text", "list", "nan", "no object", "thin", "deep", "bytes"],
)
def test_what_cannot_be_translated_is_quarantined_and_blocks_nothing(lane: Lane, poison: bytes) -> None:
    lane.put(created(1), poison, created(2))
    drain(lane.number)
    states = lane.states()
    bad = next(name for name in states if name.startswith("sha256:"))
    assert states == {"evt_1": "done", "evt_2": "done", bad: "quarantined"}
    with scoped_transaction(lane.workspace):
        row = InboxEvent.objects.get(event_id=bad)
    assert row.reason
    assert lane.open(row) == poison


def test_an_event_that_the_database_refuses_is_found_by_halving_and_the_rest_applied(lane: Lane) -> None:
    # Passes translation (a 64-bit whole number), and does not fit into the table's 32-bit column.
    impossible = {"id": "in_1", "object": "invoice", "currency": "usd", "created": SECOND, "status": "open"}
    lane.put(
        *(created(n) for n in range(1, 8)),
        event("evt_bad", "invoice.finalized", {**impossible, "attempt_count": 2**40}),
        *(created(n) for n in range(8, 14)),
    )
    drain(lane.number)
    states = lane.states()
    assert states.pop("evt_bad") == "quarantined"
    assert set(states.values()) == {"done"}
    assert len(states) == 13
    with scoped_transaction(lane.workspace):
        assert Customer.objects.count() == 13
        assert InboxEvent.objects.get(event_id="evt_bad").body is not None


def test_an_event_on_which_workers_died_thrice_alone_is_quarantined_unseen(lane: Lane) -> None:
    lane.put(created(1), created(2))
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id="evt_1").update(tries=5, solo_tries=3)
    drained = drain(lane.number)
    assert drained.events == 2
    assert lane.states() == {"evt_1": "quarantined", "evt_2": "done"}
    with scoped_transaction(lane.workspace):
        assert "died 3 times" in (InboxEvent.objects.get(event_id="evt_1").reason or "")


def test_after_a_crash_only_what_was_being_tried_comes_in_smaller_batches(lane: Lane) -> None:
    from integrations.stripe import inbox

    lane.put(*(created(n) for n in range(1, 61)))
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(happened_at=None).update(tries=1)
    lane.put(*(created(n) for n in range(61, 71)))
    sizes = []
    for _ in range(3):
        with scoped_transaction(lane.workspace):
            batch = inbox.claim(lane.workspace.pk, lane.connection.pk)
            InboxEvent.objects.filter(pk__in=[c.id for c in batch]).update(state="done")
        sizes.append(len(batch))
    assert sizes == [50, 10, 10]


def test_a_lane_has_one_worker_at_a_time_and_nothing_is_missed(lane: Lane) -> None:
    lane.put(created(1))
    results = []
    with hold_lane(lane.number) as held:
        assert held
        worker = threading.Thread(target=lambda: (results.append(drain(lane.number)), connection.close()))
        worker.start()
        worker.join()
    assert results[0].events == 0
    assert lane.states() == {"evt_1": "pending"}
    assert drain(lane.number).events == 1


def test_any_order_of_a_life_gives_one_state(lane: Lane) -> None:
    life = [
        event("evt_a", "customer.subscription.created", subscription("incomplete")),
        event("evt_b", "customer.subscription.updated", subscription("active"), previous={"status": "incomplete"}),
        event(
            "evt_c",
            "customer.subscription.updated",
            subscription("active", 3),
            at=SECOND + 5,
            previous={"items": subscription("active", 1)["items"]},
        ),
        event("evt_d", "customer.created", customer(1)),
    ]
    dumps = []
    for number, order in enumerate(permutations(life)):
        other = new_lane(f"order-{number}")
        for one in order:
            other.put(one)
            drain(other.number)
        with scoped_transaction(other.workspace):
            dumps.append(canonical(other.workspace.pk, Mode.TEST))
        assert mrr(other) == {"usd": "60.00"}
    assert all(dump == dumps[0] for dump in dumps)
    assert [row["quantity"] for row in dumps[0]["subscription"][0]["items"]] == [3]


def test_a_test_event_is_done_without_effect_and_not_counted(lane: Lane) -> None:
    import json

    _, body = build_event(lane.connection, timezone.now())
    lane.put(json.loads(body))
    drain(lane.number)
    assert list(lane.states().values()) == ["done"]
    with scoped_transaction(lane.workspace):
        status = inbox_status(lane.workspace.pk, Mode.TEST)
        assert status is not None
        assert (status.done, status.pending) == (0, 0)
        assert Connection.objects.get().last_delivery_at is None


def test_without_the_plan_events_are_held_and_released_whole(lane: Lane, settings) -> None:
    settings.PQ_HOUSE_WORKSPACE = "house"
    lane.workspace.trial_ends_at = timezone.now() - timedelta(days=1)
    lane.workspace.save()
    lane.put(created(1))
    assert drain(lane.number).more is False
    assert lane.states() == {"evt_1": "held"}
    assert release_held() == 0
    settings.PQ_HOUSE_WORKSPACE = ""
    assert release_held() == 1
    drain(lane.number)
    assert lane.states() == {"evt_1": "done"}


def test_another_workspaces_events_stay_untouched(lane: Lane) -> None:
    other = new_lane("other")
    lane.put(created(1))
    other.put(event("evt_1", "customer.created", customer(1, email="theirs@example.com")))
    drain(lane.number)
    assert other.states() == {"evt_1": "pending"}
    with scoped_transaction(other.workspace):
        assert Customer.objects.count() == 0
    with scoped_transaction(lane.workspace):
        assert Customer.objects.get().email == "c1@example.com"


def test_forty_events_cost_no_more_statements_than_events(lane: Lane) -> None:
    lane.put(*(created(n) for n in range(1, 21)))
    life = [("created", "incomplete"), ("updated", "active"), ("updated", "past_due"), ("updated", "active")]
    lane.put(
        *(
            event(f"evt_s{n}", f"customer.subscription.{kind}", subscription(status), at=SECOND + n)
            for n, (kind, status) in enumerate(life * 5)
        )
    )
    with CaptureQueriesContext(connection) as queries:
        assert drain(lane.number).events == 40
    assert len(queries) <= 40
    with scoped_transaction(lane.workspace):
        assert Subscription.objects.get().status == "active"
