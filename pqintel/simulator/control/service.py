"""A running simulator: the account lives with the wall clock, its API answers, its events are delivered."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pqintel.simulator.control.courier import Courier
from pqintel.simulator.control.home import Facts, Home
from pqintel.simulator.control.life import Life
from pqintel.simulator.control.surface import Surface
from pqintel.simulator.render import family_of
from pqintel.simulator.server import Api, Faults, KeyRing, SimulatorServer
from pqintel.simulator.truth import Truth

TICK = 0.5
"""Seconds between two looks at the wall clock."""


class Service:
    """Everything of one running simulator. Makes the account (seconds for a year of history), then serves it.

    Args:
        home: held by `Home.alone` for as long as this lives.
        facts: of the account.
        port: to listen on; 0 takes the one of last time, or any.
        trickle: see `Life`.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, home: Home, facts: Facts, *, port: int = 0, trickle: bool = True) -> None:
        family = family_of(facts.family)
        self.life = Life(home, facts, trickle=trickle)
        account = self.life.account
        keys = KeyRing(home.keys(facts))
        faults = Faults()
        self.courier = Courier(home, account, family, facts.webhook_secret)
        api = Api(
            account,
            keys,
            family=family,
            endpoints=self.courier.endpoints,
            faults=faults,
            delivered=self.courier.delivered,
        )
        surface = Surface(
            home,
            facts.control_token,
            account=account,
            courier=self.courier,
            keys=keys,
            faults=faults,
            truth=Truth(account),
            status=self.status,
        )
        self.server = SimulatorServer(api, port=port or facts.port, control=surface)
        port = int(self.server.url.rpartition(":")[2])
        history = self.life.fingerprint()
        self.retold = facts.history not in ("", history)
        """Whether an earlier version of the simulator told this account's history otherwise."""
        self.facts = home.update(facts, url=self.server.url, port=port, account=account.id, history=history)
        self._stopped = threading.Event()

    def run(self, port_file: Path | None = None) -> None:
        """Serve until `stop`; tells its port in `port_file` once it answers."""
        self.life.wake(int(time.time()))
        self.courier.start()
        self.server.start()
        if port_file is not None:
            port_file.write_text(f"{self.facts.port}\n", encoding="ascii")
        told = 0
        while not self._stopped.is_set():
            self.life.advance(int(time.time()))
            if len(self.life.account.events) > told:
                told = len(self.life.account.events)
                self.courier.wake()
            self._stopped.wait(TICK)

    def stop(self) -> None:
        """Let `run` return. May be called from a signal handler."""
        self._stopped.set()

    def close(self) -> None:
        """Stop delivering and serving, within about two seconds."""
        self.life.close()
        self.courier.stop()
        self.server.stop()

    def status(self) -> Mapping[str, object]:
        """Return what the simulator is and how far it is, ready for JSON; no secrets."""
        destination = self.courier.destination
        return {
            "account": self.facts.account,
            "url": self.facts.url,
            "family": self.facts.family,
            "livemode": self.facts.livemode,
            "seed": self.facts.seed,
            "history_days": self.facts.history_days,
            "history_end": self.facts.history_end,
            "history_events": self.life.history_events,
            "now": self.life.account.now,
            "events": len(self.life.account.events),
            "customers": len(self.life.account.customers),
            "trickle": self.life.trickles,
            "steps": self.life.steps,
            "destination": destination.url,
            "listed_url": destination.listed_url or destination.url,
            "enabled_events": list(destination.enabled_events),
            "endpoint_status": destination.status,
            "acknowledged": len(self.courier.acknowledged),
            "pending": self.courier.pending(),
            "refused": {str(status): count for status, count in sorted(self.courier.refused.items())},
        }
