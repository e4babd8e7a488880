"""Simulated Stripe accounts, many behind one address: which of them answers is told by the key, as at Stripe."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.delivery import Conditions, Deliverer, DeliveryReport, pack
from pqintel.simulator.server import SimulatorServer
from pqintel.simulator.testing import Simulation


class Accounts:
    """Use as a context manager; `url` is for `STRIPE_API_BASE`."""

    def __init__(self) -> None:
        self._opened: list[Simulation] = []
        self._seeds = count(1)
        self._server = SimulatorServer(self)  # type: ignore[arg-type]  # it asks for answers alone

    def __enter__(self) -> Accounts:
        self._server.start()
        self.open()  # somebody has to refuse unknown keys
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        for simulation in self._opened:
            simulation.stop()

    @property
    def url(self) -> str:
        return self._server.url

    def open(self, *, days: int = 30, livemode: bool = False) -> Simulation:
        """A new account whose clock stands `days` before now; nothing has happened in it."""
        seed = next(self._seeds)
        account = Account(seed, int(time.time()) - days * DAY, livemode=livemode)
        simulation = Simulation(account, seed=seed)
        self._opened.append(simulation)
        return simulation

    def answer(self, method: str, target: str, headers: Any) -> Any:
        """One request, answered by the account that its key belongs to."""
        key = (headers.get("Authorization") or "").removeprefix("Bearer ")
        known = (s for s in self._opened if any(given.value == key for given in s.keys.all()))
        return next(known, self._opened[0]).api.answer(method, target, headers)


def deliver(
    simulation: Simulation, url: str, *, since: int = 0, secret: str = "", conditions: Conditions | None = None
) -> DeliveryReport:
    """Send what the account's (first) endpoint selects of its events after `since`, and wait until that is done."""
    (endpoint, *_) = simulation.endpoints
    events = [event for event in simulation.account.events[since:] if endpoint.selects(event.type)]
    deliverer = Deliverer(url, [secret or simulation.webhook_secret], conditions)
    return deliverer.deliver(pack(events, simulation.family))


def sell(simulation: Simulation, amount: int = 4900, **price: Any) -> str:
    """Let a new customer subscribe to a new price, at the account's present second; returns the subscription's id."""
    account = simulation.account
    product = account.create_product(f"Plan {len(account.products) + 1}")
    chosen = account.create_price(product.id, amount, **price)
    account.checkout(chosen.id, name="Ada Lovelace", email="ada@customer.example")
    return next(reversed(account.subscriptions))
