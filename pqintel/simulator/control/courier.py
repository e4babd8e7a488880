"""Brings the account's events to where they belong, in the background, as long as the simulator runs."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from pqintel.simulator.account import Account
from pqintel.simulator.control.destination import Destination
from pqintel.simulator.control.home import ACKNOWLEDGED, DESTINATION, Home
from pqintel.simulator.delivery import Answer, Deliverer, pack
from pqintel.simulator.events import SimEvent
from pqintel.simulator.render import Family, event_type, exists_in
from pqintel.simulator.server.endpoints import WebhookEndpoint

AWAY_AFTER = 20
"""Failures in a row after which a round is broken off: the receiver is away, and nothing gets through to it."""
PATIENCE = (1.0, 10.0)
"""Seconds to wait for a receiver that is away: the first time, and the longest."""
HOLD = (5.0, 60.0)
"""Seconds before an event that was refused by a receiver that is there comes again: the first time, the longest."""


class Courier:
    """Delivers every selected event that was not acknowledged yet, oldest first, again and again until it is.

    Where to, and what was acknowledged, is remembered in the home folder. Thread-safe.
    """

    def __init__(self, home: Home, account: Account, family: Family, secret: str) -> None:
        self._home = home
        self._account = account
        self._family = family
        self._secret = secret
        self.destination = Destination().changed(home.read(DESTINATION) or {})
        self.acknowledged = set(home.lines(ACKNOWLEDGED))
        self.refused: Counter[int] = Counter()
        self._log = home.append_to(ACKNOWLEDGED)
        self._lock = threading.Lock()
        self._round_lock = threading.Lock()
        self._news = threading.Event()
        self._nudge = threading.Event()
        self._stopped = threading.Event()
        self._changing = False
        self._deliverer: Deliverer | None = None
        self._passed = 0
        self._failures = 0
        self._held: dict[str, tuple[float, float]] = {}
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, timeout: float = 1.5) -> None:
        """Stop delivering, for good; waits at most `timeout` seconds for the requests under way."""
        self._stopped.set()
        self._break_off()
        self._nudge.set()
        self._thread.join(timeout)

    def wake(self) -> None:
        """Say that there may be new events."""
        self._news.set()

    def send_to(self, changes: Mapping[str, object], *, again: bool = False) -> Destination:
        """Change the destination and remember it; with `again`, also forget what was acknowledged.

        A courier that was waiting for a receiver to come back tries at once. Blocks while requests are under way.

        Raises:
            ValueError: see `Destination.changed`.
        """
        changed = self.destination.changed(changes)
        if changed != self.destination or again:
            self._changing = True
            self._break_off()
            with self._round_lock, self._lock:
                self.destination = changed
                self._passed = 0
                self._held.clear()
                if again:
                    self.acknowledged.clear()
                    self._log.truncate(0)
                self._home.write(DESTINATION, asdict(changed))
                self._changing = False
        self._nudge.set()
        self.wake()
        return changed

    def endpoints(self) -> list[WebhookEndpoint]:
        """Return the endpoint as the API lists it, in a list of one or none."""
        account = self._account
        endpoint = self.destination.endpoint(
            created=account.start, api_version=self._family.version, livemode=account.livemode
        )
        return [endpoint] if endpoint else []

    def delivered(self, event: SimEvent) -> bool:
        """Tell whether there is nothing left to do for an event: it was acknowledged, or is not selected."""
        if event.id in self.acknowledged or not exists_in(event, self._family):
            return True
        return not self.destination.selects(event_type(event, self._family))

    def pending(self) -> int:
        """Return how many selected events wait for their first 2xx."""
        return sum(not self.delivered(event) for event in self._unpassed())

    def _run(self) -> None:
        patience = PATIENCE[0]
        while not self._stopped.is_set():
            self._news.clear()
            self._nudge.clear()
            with self._round_lock:
                abandoned = self._round()
            if self._failures >= AWAY_AFTER:
                self._nudge.wait(patience)
                patience = min(patience * 2, PATIENCE[1])
                continue
            patience = PATIENCE[0]
            self._hold(abandoned)
            self._news.wait(self._until_held())

    def _round(self) -> Iterable[str]:
        """Send what waits, and return the ids of what nobody took."""
        self._failures = 0
        destination = self.destination
        if not destination.open or destination.url is None or self._changing:
            return ()
        self._deliverer = Deliverer(
            destination.url,
            [self._secret],
            destination.conditions,
            on_acknowledged=self._remember,
            on_answer=self._watch,
        )
        if self._stopped.is_set() or self._changing:
            return ()
        return self._deliverer.deliver(pack(self._waiting(), self._family)).abandoned

    def _unpassed(self) -> list[SimEvent]:
        with self._account.lock:
            return self._account.events[self._passed :]

    def _waiting(self) -> Iterator[SimEvent]:
        """Yield what is due for delivery, and move past the beginning that is all delivered."""
        passed, passing, now = self._passed, True, time.monotonic()
        for event in self._unpassed():
            if self.delivered(event):
                passed += passing
                continue
            passing = False
            if event.id not in self._held or self._held[event.id][0] <= now:
                yield event
        self._passed = passed

    def _hold(self, refused: Iterable[str]) -> None:
        now = time.monotonic()
        with self._lock:
            for event_id in refused:
                wait = min(self._held[event_id][1] * 2, HOLD[1]) if event_id in self._held else HOLD[0]
                self._held[event_id] = (now + wait, wait)

    def _until_held(self) -> float | None:
        with self._lock:
            moments = [due for due, _ in self._held.values()]
        return max(min(moments) - time.monotonic(), 0.0) if moments else None

    def _remember(self, event_id: str) -> None:
        with self._lock:
            self._held.pop(event_id, None)
            if event_id not in self.acknowledged:
                self.acknowledged.add(event_id)
                self._log.write(event_id + "\n")

    def _watch(self, answer: Answer) -> None:
        with self._lock:
            self._failures = 0 if answer.acknowledged else self._failures + 1
            if not answer.acknowledged:
                self.refused[answer.status] += 1
            away = self._failures >= AWAY_AFTER
        if away:
            self._break_off()

    def _break_off(self) -> None:
        deliverer = self._deliverer
        if deliverer is not None:
            deliverer.stop()
        self.wake()
