"""All who write a lane's billing state at once, with real commits: drains, recalculations, changes of plans, expiries.

Whoever comes late must not leave what somebody else would write otherwise: afterwards nothing is left to correct, and
the state is that of a workspace in which the same happened in peace.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from billing import tasks
from billing.actions import recalculation
from billing.actions.access import carrying
from billing.actions.access.carrying import carry_out
from billing.actions.access.due import recompute_all
from billing.actions.access.proposals import EditTier, Grant, MapPrice, SetPolicy
from billing.actions.rebuild import rebuild
from billing.models import Access, AccessOverride, OverrideEffect
from billing.modes import Mode
from integrations.stripe.drain import drain
from integrations.stripe.translate.handlers import EVENTS
from pqintel.simulator.render import NEWEST, render_event
from pqintel.simulator.scenario import random_lifecycle
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.soak.comparing import differences, dump

from .lanes import Lane, new_lane

pytestmark = pytest.mark.django_db(transaction=True)

SEED = 23
SLICES = 32
ROUNDS = 8
OF_EVENTS = ("subscription", "invoice", "payment", "paymentlink", "failure", "mrrspan", "movement", "dailyrollup")
"""What is a function of the events alone; access also depends on when people decided what."""


class Crowd:
    """Threads that each do one thing again and again, until the block ends. What any of them raises is raised there."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def joins(self, name: str, work: Callable[[], Any]) -> None:
        def again() -> None:
            try:
                while not self._over.is_set():
                    work()
                    self.done[name] += 1
                    time.sleep(0.002)
            except BaseException as error:  # noqa: BLE001 - it is raised in the test
                self._errors.append(error)
            finally:
                connection.close()

        self._threads.append(threading.Thread(target=again, name=name, daemon=True))
        self._threads[-1].start()

    def leave(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        assert not [thread.name for thread in self._threads if thread.is_alive()]
        if self._errors:
            raise self._errors[0]


@contextmanager
def crowd() -> Iterator[Crowd]:
    gathered = Crowd()
    try:
        yield gathered
    finally:
        gathered.leave()


def proposing(lane: Lane, prices: list[str]) -> Callable[[], None]:
    """One change of the rules after another: mappings, a tier, the policy."""
    numbers = count()
    tiers = cycle(("growth", "scale", None))

    def propose() -> None:
        number = next(numbers)
        price, tier = prices[number % len(prices)], next(tiers)
        proposal = (
            MapPrice(Mode.TEST, "price", price, tier),
            SetPolicy("free" if number % 8 < 4 else None, number % 3 or None),
            EditTier("growth", "Growth", 20, {"projects": number, "api_access": True}, 10 + number, False),
            MapPrice(Mode.TEST, "price", price, tier, remove=True),
        )[number % 4]
        with scope(lane.workspace):
            carry_out(lane.workspace.pk, proposal, "ada@example.com", timezone.now())

    return propose


def granting(lane: Lane, customers: list[str]) -> Callable[[], None]:
    """One override after another, each for a moment."""
    whom = cycle(customers)

    def grant() -> None:
        now = timezone.now()
        one = Grant(
            Mode.TEST, next(whom), OverrideEffect.AT_LEAST, "scale", {}, None, "a moment", now + timedelta(seconds=0.2)
        )
        with scope(lane.workspace):
            carry_out(lane.workspace.pk, one, "ada@example.com", now)

    return grant


def asking(lane: Lane) -> Callable[[], None]:
    """One recalculation after another, each from the first customer on."""

    def ask() -> None:
        with scoped_transaction(lane.workspace):
            recalculation.ask(lane.workspace.pk, "again", timezone.now(), (Mode.TEST,))
        time.sleep(0.1)

    return ask


def corrected(lane: Lane) -> tuple[int, int, int, int]:
    """What a rebuild has to correct: movements, daily sums, failures, payment states."""
    with scope(lane.workspace):
        rebuilt = rebuild(lane.workspace.pk, Mode.TEST)
    return rebuilt.movements, rebuilt.rollups, rebuilt.failures, rebuilt.standing


def settled(lane: Lane) -> None:
    """Until nothing waits, no recalculation is open, and every override that is over has ended."""
    with scoped_transaction(lane.workspace):
        last = AccessOverride.objects.filter(revoked_at=None).latest("expires_at").expires_at
    assert last is not None
    time.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds()) + 0.01)
    while drain(lane.number).events or tasks.recalculate(lane.number) or tasks.settle_access():
        pass
    with scoped_transaction(lane.workspace):
        assert not Access.objects.filter(until__lte=datetime.now(UTC)).exists()


def test_nobody_leaves_what_another_would_write_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped again and again in the middle, before the work that is left could heal what somebody got wrong."""
    monkeypatch.setattr(recalculation, "CHUNK", 3)
    monkeypatch.setattr(tasks, "SECONDS", 0.02)
    monkeypatch.setattr(carrying, "AT_ONCE", 12)
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 0.3)
    account = random_lifecycle(SEED, 150, stacked_discounts=False)
    events = [render_event(event, NEWEST) for event in account.events if event.type in EVENTS]
    print(f"seed {SEED}, {len(events)} events")
    lane, calm = new_lane("crowded"), new_lane("calm")
    calm.put(*events)
    while drain(calm.number).events:
        pass
    slices = [events[start::SLICES] for start in range(SLICES)]
    done = Counter[str]()
    for _ in range(ROUNDS):
        with crowd() as gathered:
            gathered.joins("drain", lambda: drain(lane.number))
            gathered.joins("drain too", lambda: drain(lane.number))
            gathered.joins("settle", tasks.settle_access)
            gathered.joins("recalculate", lambda: tasks.recalculate(lane.number))
            gathered.joins("ask", asking(lane))
            gathered.joins("propose", proposing(lane, sorted(account.prices)[:6]))
            gathered.joins("grant", granting(lane, sorted(account.customers)[:20]))
            for _ in range(SLICES // ROUNDS):
                lane.put(*slices.pop())
                time.sleep(0.2)
        done += gathered.done
        assert corrected(lane) == (0, 0, 0, 0)  # though events wait and a recalculation is under way
    print(dict(done))
    assert min(done.values()) > 5
    settled(lane)

    assert set(lane.states().values()) <= {"done", "ignored"}
    crowded, peaceful = dump(lane.workspace), dump(calm.workspace)
    assert differences({t: crowded[t] for t in OF_EVENTS}, {t: peaceful[t] for t in OF_EVENTS}) == []
    assert corrected(lane) == (0, 0, 0, 0)
    with scope(lane.workspace):
        looked_at, changed = recompute_all(lane.workspace.pk, Mode.TEST, "")
    assert (changed, looked_at) == (0, len(crowded["access"]))
