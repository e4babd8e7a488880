"""A feed as it really is, step by step: late, doubled, out of order, read in between, drained by several workers.

Hypothesis chooses what happens. However it went, in the end the state is that of a feed in order, and what the
simulator says. A failing example is printed as the steps that lead to it.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from integrations.stripe.drain import drain
from pqintel.simulator.render import FAMILIES, NEWEST, exists_in, render_event
from pqintel.simulator.render.catalogue import render_coupon, render_price
from pqintel.simulator.render.objects import render_object
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.truth import Truth
from tests.integrations.lanes import Lane, new_lane
from tests.integrations.living import movements_of, true_movements
from tests.soak.comparing import differences, dump

Event = dict[str, Any]
SIZE = 10
READ = ("subscription", "invoice", "payment_intent")
"""Kinds of objects that are read in between."""


class Feed(RuleBasedStateMachine):
    """One life of an account, delivered to one workspace however it comes, and to another one in order."""

    numbers = 0

    def __init__(self) -> None:
        super().__init__()
        self.delivered: list[Event] = []
        self.waiting: list[Event] = []
        self.held: list[Event] = []
        self.known: list[Event] = []

    @initialize(seed=st.integers(0, 10**6), family=st.sampled_from(FAMILIES[2:]))
    def begin(self, seed: int, family: Any) -> None:
        Feed.numbers += 1
        self.lane = new_lane(f"feed-{Feed.numbers}")
        self.family = family
        self.account = random_lifecycle(f"feed-{seed}", SIZE, stacked_discounts=family in FAMILIES[3:])
        self.waiting = [render_event(event, family) for event in self.account.events if exists_in(event, family)]
        self.now = self.account.start

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(1, 25), order=st.randoms(use_true_random=False), copies=st.integers(1, 2))
    def deliver_some(self, count: int, order: Any, copies: int) -> None:
        some, self.waiting = self.waiting[:count], self.waiting[count:]
        self.now = max(self.now, *(event["created"] for event in some))
        together = some * copies
        order.shuffle(together)
        self._put(together)

    @precondition(lambda self: self.waiting)
    @rule(every=st.integers(2, 4))
    def hold_back_for_days(self, every: int) -> None:
        """Some of what comes next is late: it arrives when everything else is long known."""
        some, self.waiting = self.waiting[:12], self.waiting[12:]
        self.held += some[::every]
        self._put([event for n, event in enumerate(some) if n % every])

    @precondition(lambda self: self.held)
    @rule()
    def deliver_what_was_late(self) -> None:
        late, self.held = self.held, []
        self._put(late[::-1])

    @precondition(lambda self: self.delivered)
    @rule(which=st.integers(0, 10**6))
    def deliver_again(self, which: int) -> None:
        self._put([self.delivered[which % len(self.delivered)]])

    @precondition(lambda self: self.delivered)
    @rule(which=st.integers(0, 10**6))
    def read_an_object(self, which: int) -> None:
        """As a backfill or a reconciliation does: the object as it was when that second began."""
        event = self.delivered[which % len(self.delivered)]
        identity = event["data"]["object"].get("id")
        at = self.now + 1
        states = [entry.state for entry in self.account.journal if entry.at < at and _id(entry.state) == identity]
        gone = any(e.type == "invoice.deleted" and e.after.id == identity for e in self.account.events)
        if (
            states
            and event["data"]["object"].get("object") in ("subscription", "invoice", "payment_intent")
            and not gone
        ):
            self._put([_read(f"{at}_{identity}", at, render_object(states[-1], self.family))])

    @rule()
    def drain_once(self) -> None:
        drain(self.lane.number)

    @rule()
    def drain_by_three_workers(self) -> None:
        threads = [threading.Thread(target=_work, args=(self.lane,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def teardown(self) -> None:
        if not hasattr(self, "account"):
            return
        self._put(self.held + self.waiting)
        self._put(self._terms())
        while drain(self.lane.number).events:
            pass
        assert set(self.lane.states().values()) <= {"done", "ignored"}
        in_order = new_lane(f"feed-{Feed.numbers}-in-order")
        in_order.put(*sorted({e["id"]: e for e in self.known}.values(), key=lambda event: event["created"]))
        while drain(in_order.number).events:
            pass
        assert differences(dump(self.lane.workspace), dump(in_order.workspace)) == []
        ends = datetime.fromtimestamp(self.account.now, UTC).date()  # that day is not over, and may bring more
        found = {row for row in movements_of(self.lane.workspace) if row[0] < ends}
        assert found == {row for row in true_movements(Truth(self.account)) if row[0] < ends}

    def _put(self, events: list[Event]) -> None:
        self.lane.put(*events)
        self.known += events
        self.delivered += [event for event in events if event["id"].startswith("evt_")]

    def _terms(self) -> list[Event]:
        """What reads of prices and coupons answer, for the families whose events do not carry them."""
        prices = [render_price(price, NEWEST, tiers=True) for price in self.account.prices.values()]
        coupons = [render_coupon(coupon) for coupon in self.account.coupons.values()]
        return [_read(f"terms_{obj['id']}", self.account.start, obj) for obj in (*prices, *coupons)]


def _id(state: Any) -> str | None:
    return getattr(state, "id", None)


def _read(name: str, at: int, obj: Event) -> Event:
    event = {"id": f"pqread_{name}", "object": "event", "type": "pqintel.read", "created": at, "livemode": False}
    return json.loads(json.dumps({**event, "data": {"object": obj}}))  # type: ignore[no-any-return]


def _work(lane: Lane) -> None:
    try:
        drain(lane.number)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_however_a_feed_comes_its_end_is_one_state_and_the_truth() -> None:
    run_state_machine_as_test(
        Feed,
        settings=settings(
            max_examples=int(os.environ.get("PQ_FEEDS") or 12),
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
