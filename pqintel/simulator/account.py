"""The account: all verbs in one object, over the ledger that stores objects and emits events."""

from __future__ import annotations

from .ledger import Ledger


class Account(Ledger):
    """A simulated Stripe account.

    Same seed, same start, same calls: same ids and same events.
    """
