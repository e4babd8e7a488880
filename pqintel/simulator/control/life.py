"""The account's life in a running simulator: a history told again from its seed, then on with the wall clock.

Nothing of the account is stored. It is made anew at every start, to the byte: the history follows from the seed and
its end, the trickle from the number of steps. `life.log` therefore holds one line per step, written *before* the step
is taken, so that no event can have been told that a restart would not tell again. When the simulator was away, the
company slept: time that passed is noted as a line of its own, and the next step happens after it.
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from typing import IO

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.control.home import LIFE, Facts, Home
from pqintel.simulator.scenario import Trickle, saas_year

LIVELY_STEPS = 1000
"""Steps after a start during which something happens every few seconds; then a visitor who stays has seen enough."""
CALM = 8
"""By how much the pauses between steps grow afterwards, so that a demo left running does not outgrow its memory."""


@dataclass(frozen=True, slots=True)
class _Slept:
    """After `steps` steps the next one is due at `until` (Unix seconds) instead of where the trickle had it."""

    steps: int
    until: int


class Life:
    """Makes the account and moves it. Its `account.lock` is held while it does.

    Args:
        home: whose `life.log` to read and continue.
        facts: from which the history follows.
        trickle: whether anything happens beyond what falls due by itself (renewals, retries, trials ending).
    """

    def __init__(self, home: Home, facts: Facts, *, trickle: bool) -> None:
        self.account = Account(facts.seed, facts.history_end - facts.history_days * DAY, livemode=facts.livemode)
        company = saas_year(self.account, facts.history_end, facts.customers)
        self.history_events = len(self.account.events)
        self.trickles = trickle
        self._trickle = Trickle(company, facts.seed)
        self._awake_since = 0
        self._log: IO[str] | None = None
        self._replay(home)
        self._home = home
        self._lock = threading.Lock()

    def fingerprint(self) -> str:
        """Return what tells this history from another one that follows from the same seed."""
        digest = hashlib.sha256()
        for event in self.account.events[: self.history_events]:
            digest.update(f"{event.id} {event.type} {event.created}\n".encode())
        return digest.hexdigest()

    @property
    def steps(self) -> int:
        """How many steps of the trickle were taken, since the history ended."""
        return self._trickle.steps

    def wake(self, now: int) -> None:
        """Continue at `now` (Unix seconds); call once, before `advance`."""
        self._log = self._home.append_to(LIFE)
        if self.trickles and self._trickle.next_at < now:
            self._sleep(_Slept(self._trickle.steps, now + 1))
            self._note({"slept": self._trickle.steps, "until": now + 1})

    def advance(self, now: int) -> None:
        """Let happen what is due until `now` (Unix seconds). A clock that was set back waits until it catches up."""
        with self._lock:
            while self.trickles and self._trickle.next_at <= now:
                self._note({"step": self._trickle.steps + 1})
                with self.account.lock:
                    self._step()
            with self.account.lock:
                self.account.advance(max(now, self.account.now))

    def close(self) -> None:
        """Let nothing more happen."""
        self.trickles = False
        if self._log is not None:
            with self._lock:
                self._log.close()

    def _step(self) -> None:
        at = self._trickle.next_at
        self._trickle.step()
        if self._trickle.steps - self._awake_since > LIVELY_STEPS:
            self._trickle.next_at += (CALM - 1) * (self._trickle.next_at - at)

    def _sleep(self, slept: _Slept) -> None:
        self._trickle.next_at = slept.until
        self._awake_since = slept.steps

    def _replay(self, home: Home) -> None:
        """Take again the steps that were taken before, at their old times."""
        for line in home.lines(LIFE):
            entry: dict[str, int] = json.loads(line)
            if "slept" in entry:
                self._sleep(_Slept(entry["slept"], entry["until"]))
            else:
                self._step()

    def _note(self, entry: dict[str, int]) -> None:
        assert self._log is not None, "wake() comes first"
        self._log.write(json.dumps(entry) + "\n")
