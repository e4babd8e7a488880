"""The account: every verb in one object.

The verbs stand in layers, each a class of its own over the one below: `ledger` (objects, events, clock), `catalogue`,
`customers`, `payments`, `invoicing`, `collection`, `renewals`, `subscriptions`, `changes`, `endings`, `checkouts`.
"""

from __future__ import annotations

from .checkouts import Checkouts
from .ledger import RefusedError
from .settings import Settings

__all__ = ["Account", "RefusedError", "Settings"]


class Account(Checkouts):
    """A simulated Stripe account: `Account(seed, start)` with `start` in Unix seconds.

    The same seed, start and calls give the same ids and the same events, to the byte. Verbs take ids, act at the
    account's own `now`, return the object as it then is, and raise KeyError for ids that do not exist and
    `RefusedError` for what Stripe would refuse. Time passes only by `advance(to)`, which does what falls due on the
    way. `events` is the log of all that was told, `journal` of all states, told or not.
    """
