"""What one event teaches, all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalogue import CatalogueEntry
from .states import Kind, State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One object as an event showed it.

    `before` is the same object with the event's old values laid over it, where the event names them (`*.updated`);
    `born` says that nothing came before (`*.created`). `read` marks an answer read from the API: it sorts first
    within its second.
    """

    kind: Kind
    state: State
    before: State | None = None
    born: bool = False
    read: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, in the history's words, with its own details (JSON values only)."""

    kind: str
    object_kind: Kind
    object_id: str
    customer: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Learned:
    """Everything that one event teaches.

    `links` are (invoice id, payment id) pairs, `wanted` are (what, id) pairs that only a read of the API can answer:

    * ("price", id): a tiered price without its tiers, or a subscription in a currency of its `currency_options`;
    * ("coupon", id): the terms of a coupon that a discount only names;
    * ("discount:" + discount id, subscription or customer id): a discount can be read only through its owner;
    * ("subscription", id): the payload carries only the first of its items. Never settled for good: each later
      event of that subscription is cut off just the same;
    * ("invoice_payments", invoice id): the payments of an invoice, which newer shapes do not name.
    """

    event_id: str
    event_type: str
    happened_at: int
    snapshots: tuple[Snapshot, ...] = ()
    catalogue: tuple[CatalogueEntry, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    facts: tuple[Fact, ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()
