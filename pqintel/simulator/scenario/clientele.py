"""Who is there to have something happen to, kept up from the account's journal."""

from __future__ import annotations

from pqintel.simulator.account import Account
from pqintel.simulator.state import Customer, Invoice, Subscription


class Clientele:
    """Running subscriptions, customers without one, and sent invoices that wait; all in the order of coming up."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._read = 0
        self._running: dict[str, Subscription] = {}
        self._subscriptions_of: dict[str, set[str]] = {}
        self._gone: dict[str, None] = {}
        self._owing: dict[str, None] = {}

    def running(self) -> list[Subscription]:
        """Return the subscriptions that have not ended."""
        self._follow()
        return list(self._running.values())

    def gone(self) -> list[str]:
        """Return the ids of customers who had a subscription and have none now."""
        self._follow()
        return list(self._gone)

    def owing(self) -> list[str]:
        """Return the ids of open invoices that were sent."""
        self._follow()
        return list(self._owing)

    def _follow(self) -> None:
        for entry in self._account.journal[self._read :]:
            state = entry.state
            if isinstance(state, Subscription):
                self._note_subscription(state)
            elif isinstance(state, Invoice) and state.collection_method == "send_invoice":
                if state.status == "open":
                    self._owing[state.id] = None
                else:
                    self._owing.pop(state.id, None)
            elif isinstance(state, Customer) and state.deleted:
                self._gone.pop(state.id, None)
            self._read += 1

    def _note_subscription(self, state: Subscription) -> None:
        theirs = self._subscriptions_of.setdefault(state.customer, set())
        if not state.ended:
            self._running[state.id] = state
            theirs.add(state.id)
            self._gone.pop(state.customer, None)
        elif state.id in theirs:
            del self._running[state.id]
            theirs.discard(state.id)
            if not theirs and not self._account.customers[state.customer].deleted:
                self._gone[state.customer] = None
