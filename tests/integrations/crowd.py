"""A crowd of threads that write a lane's billing state, each in its way, again and again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from billing.actions import recalculation
from billing.actions.access.carrying import carry_out
from billing.actions.access.holding import Unpaid, hold_back, lane_within, lift
from billing.actions.access.proposals import EditTier, Grant, MapPrice, SetPolicy
from billing.actions.rebuild import rebuild
from billing.models import AccessHold, Invoice, OverrideEffect
from billing.modes import Mode
from pqintel.workspaces.tenancy import scope, scoped_transaction

from .lanes import Lane


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


def holding(lane: Lane) -> Callable[[], None]:
    """One hold after another, and now and then one lifted, as dunning and people do."""
    numbers = count()

    def hold() -> None:
        number = next(numbers)
        with scoped_transaction(lane.workspace):
            billed = Invoice.objects.exclude(subscription=None).exclude(customer=None).order_by("stripe_id")
            known = list(billed.values_list("customer", "subscription", "stripe_id"))
            held = list(AccessHold.objects.filter(lifted_at=None).order_by("id").values_list("invoice", flat=True))
        now = timezone.now()
        if not known:
            return
        unpaid = [Unpaid(*known[(number * 7 + n) % len(known)], number % 2 == 0) for n in range(3)]
        place = lane.workspace.pk, Mode.TEST
        with scope(lane.workspace), lane_within(*place, 5) as had, transaction.atomic():
            if had:
                hold_back(*place, unpaid, "dunning", now)
            lift(*place, held[: number % 3], "ada@example.com", now, lane_held=had)
        time.sleep(0.05)

    return hold


def rebuilding(lane: Lane) -> Callable[[], None]:
    """What `rollups_rebuild` does, again and again."""

    def again() -> None:
        with scope(lane.workspace), lane_within(lane.workspace.pk, Mode.TEST, 5) as held:
            if held:
                rebuild(lane.workspace.pk, Mode.TEST)
        time.sleep(0.1)

    return again


def asking(lane: Lane) -> Callable[[], None]:
    """One recalculation after another, each from the first customer on."""

    def ask() -> None:
        with scoped_transaction(lane.workspace):
            recalculation.ask(lane.workspace.pk, "again", timezone.now(), (Mode.TEST,))
        time.sleep(0.1)

    return ask
