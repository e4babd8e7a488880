"""The company's live continuation: one happening every few seconds, so that whoever looks sees numbers move."""

from __future__ import annotations

from math import log2
from random import Random

from pqintel.simulator.events import SimEvent

from .company import Company, Happening

_CROWDING = 3.0
"""How strongly more customers than expected slow sign-ups down and speed goodbyes up, so that days of trickle neither
flood nor empty the company."""


class Trickle:
    """Continues a company from the second at which its history ended.

    The account at step n is a function of the history, the seed and n alone: it does not matter how often or when the
    account's clock is advanced in between. So a restart replays n steps and stands where it stood.
    """

    def __init__(self, company: Company, seed: int | str, *, tempo: tuple[int, int] = (3, 6)) -> None:
        """`tempo`: the shortest and the longest pause between two steps, in whole seconds."""
        self._company = company
        self._seed = seed
        self._tempo = tempo
        self._usual = self._paying()
        self.steps = 0
        """How many steps have been taken."""
        self.next_at = company.account.now + self._pause()
        """When the next step happens, in Unix seconds."""

    def step(self) -> list[SimEvent]:
        """Advance the account to `next_at`, let one thing happen, and return all events since the step before."""
        account = self._company.account
        told = len(account.events)
        account.advance(self.next_at)
        random = Random(f"trickle:{self._seed}:{self.steps}")
        happenings, weights = zip(*self._mix(), strict=True)
        if not any(random.choices(happenings, weights)[0](random) for _ in range(6)):
            self._company.sign_up(random)
        self.steps += 1
        self.next_at += self._pause()
        return account.events[told:]

    def run(self, until: int) -> list[SimEvent]:
        """Take every step that is due until `until` (Unix seconds, included), then let the clock stand there."""
        events: list[SimEvent] = []
        while self.next_at <= until:
            events += self.step()
        account = self._company.account
        told = len(account.events)
        account.advance(until)
        return events + account.events[told:]

    def _paying(self) -> int:
        """How many subscriptions bring in money; at least one, to divide by."""
        running = self._company.clientele.running()
        return max(1, sum(subscription.status in ("active", "past_due") for subscription in running))

    def _expected(self) -> float:
        """How many paying subscriptions there should be by now: an eighth more after the first 500 steps, then ever
        more slowly, over half as many again after a day."""
        return self._usual * (1 + 0.12 * log2(1 + self.steps / 500))

    def _pause(self) -> int:
        return Random(f"pause:{self._seed}:{self.steps}").randint(*self._tempo)

    def _mix(self) -> list[tuple[Happening, float]]:
        company = self._company
        crowd = (self._paying() / self._expected()) ** _CROWDING
        running = company.clientele.running()
        trials = sum(subscription.status == "trialing" for subscription in running)
        behind = sum(subscription.status == "past_due" for subscription in running)
        return [
            (company.sign_up, 16 / crowd),
            (company.come_back, 3 / crowd),
            (company.convert, 0.25 * trials),
            (company.more_seats, 24 / crowd),
            (company.upgrade, 6),
            (company.add_on, 3),
            (company.extra_work, 4),
            (company.recover, 1.2 * behind),
            (company.pay_sent_invoice, 1),
            (company.reward, 1),
            (company.go_yearly, 1),
            (company.change_mind, 1),
            (company.report_usage, 1),
            (company.fewer_seats, 8 * crowd),
            (company.downgrade, 4 * crowd),
            (company.give_notice, 2),
            (company.leave_now, 5 * crowd),
            (company.failed_upgrade, 4),
            (company.card_trouble, 1),
            (company.pause, 0.5),
        ]
