"""How each subscription's monthly rates changed over time, read from the journal."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from pqintel.simulator.ledger import Entry, Ledger
from pqintel.simulator.state import Customer, Discount, Subscription

from .rates import Rate, monthly_rates

Moment = tuple[int, Subscription]


class Timeline:
    """An index over the journal, brought up to date whenever it is asked. Of several states within one second the
    last one counts. Times are Unix seconds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = 0
        self._subscriptions: dict[str, tuple[list[int], list[Subscription]]] = {}
        self._discounts: dict[str, tuple[list[int], list[Discount | None]]] = {}

    def _catch_up(self) -> None:
        journal = self._ledger.journal
        while self._read < len(journal):
            self._note(journal[self._read])
            self._read += 1

    def _note(self, entry: Entry) -> None:
        state = entry.state
        if isinstance(state, Subscription):
            times, states = self._subscriptions.setdefault(state.id, ([], []))
            if times and times[-1] == entry.at:
                states[-1] = state
            else:
                times.append(entry.at)
                states.append(state)
        elif isinstance(state, Customer) and (state.discount is not None or state.id in self._discounts):
            since, discounts = self._discounts.setdefault(state.id, ([], []))
            since.append(entry.at)
            discounts.append(state.discount)

    def states_at(self, at: int) -> Iterator[Subscription]:
        """Yield each subscription that existed at `at`, as it then was."""
        self._catch_up()
        for times, states in self._subscriptions.values():
            n = bisect_right(times, at)
            if n:
                yield states[n - 1]

    def rates_of(self, subscription: Subscription, at: int) -> tuple[Rate, ...]:
        """Return the rates of a subscription in this state at `at`."""
        return monthly_rates(subscription, at, self._customer_discount(subscription.customer, at))

    def changes(self) -> list[tuple[int, str, Subscription]]:
        """Return (second, subscription id, state) for each second at which its rates may have changed, in order."""
        self._catch_up()
        changes: list[tuple[int, str, Subscription]] = []
        for subscription_id, (times, states) in self._subscriptions.items():
            for n, state in enumerate(states):
                until = times[n + 1] if n + 1 < len(times) else self._ledger.now + 1
                changes.append((times[n], subscription_id, state))
                changes += [(at, subscription_id, state) for at in self._turns(state) if times[n] < at < until]
        changes.sort(key=lambda change: change[0])
        return changes

    def _turns(self, state: Subscription) -> set[int]:
        """The seconds at which discounts begin or end, without any change of the subscription itself."""
        turns = {d.end for d in state.discounts if d.end is not None}
        turns |= {d.end for item in state.items for d in item.discounts if d.end is not None}
        if state.customer in self._discounts:
            since, discounts = self._discounts[state.customer]
            turns |= {*since, *(d.end for d in discounts if d is not None and d.end is not None)}
        return turns

    def _customer_discount(self, customer: str, at: int) -> Discount | None:
        if customer not in self._discounts:
            return None
        since, discounts = self._discounts[customer]
        n = bisect_right(since, at)
        return discounts[n - 1] if n else None
