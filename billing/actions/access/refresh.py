"""Bringing the rows of who may use what in line with what is known."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from billing.access.decide import Decision, decide
from billing.actions.bulk import Table, instants, run, text, typed
from billing.actions.history import write_lines
from billing.actions.timeline import Chain
from billing.order import Seen
from billing.snapshots import Kind, Learned, Price, Product

from .load import Cases, load
from .telling import OBJECT_KIND, move

ACCESS: Final = Table(
    "billing_access",
    (
        *text("customer", "tier", "reason", "cause", "subscription"),
        *typed("jsonb", "features"),
        *typed("bigint", "seats"),
        *instants("since", "until"),
        *typed("text[]", "unmapped"),
        *typed("boolean", "overridden"),
    ),
    key=("customer",),
)
USES: Final = Table("billing_priceuse", text("price", "customer"), keep=True)
_DEPENDS_ON: Final = ("status", "pause_behavior", "items")


@dataclass
class Batch:
    """What a batch of events means for access: whose may have moved, and by which event.

    `customers` and `catalogue` name the newest event about each; `seconds` is when each event of the batch happened.
    `uses` are (price, customer) of every version that came, the chosen ones or not, so that they depend on no order.
    """

    customers: dict[str, str] = field(default_factory=dict)
    uses: set[tuple[str, str]] = field(default_factory=set)
    prices: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    catalogue: str = ""
    seconds: dict[str, int] = field(default_factory=dict)
    why: str = ""

    @classmethod
    def of(
        cls,
        lessons: Sequence[Learned],
        chains: Sequence[Chain],
        remapped: Iterable[tuple[type, str]],
        held: Collection[str] = (),
    ) -> Batch:
        """From what was learnt, the chains that it touched, `Catalogue.remapped`, and the customers of whom something
        is held back that the batch may have set free (`standing.collect`)."""
        batch = cls(seconds={one.event_id: one.happened_at for one in lessons})
        for customer in held:
            told = [v for c in chains if c.last.whole.get("customer") == customer for v in c.versions]
            newest = max(told, key=lambda v: (v.event_id in batch.seconds, v.position, v.event_id), default=None)
            batch.customers[customer] = newest.event_id if newest else ""
        for chain in (chain for chain in chains if chain.kind is Kind.SUBSCRIPTION):
            batch.uses |= _uses(chain)
            if _moved(chain):
                told = [v for v in chain.versions if v.event_id in batch.seconds]
                newest = max(told or chain.versions, key=lambda v: (v.position, v.event_id))
                batch.customers[chain.last.whole["customer"]] = newest.event_id
        for kind, stripe_id in remapped:
            (batch.prices if kind is Price else batch.products).add(stripe_id)
        if batch.prices or batch.products:
            named = [(one.happened_at, one.event_id) for one in lessons if _names(one, batch.prices | batch.products)]
            batch.catalogue = max(named, default=(0, ""))[1]
        return batch

    def event_for(self, customer: str, decision: Decision) -> tuple[str, int]:
        """The event that a line of history names, and when it happened: the cause, where that came in this batch."""
        event = decision.cause if decision.cause in self.seconds else self.customers.get(customer, self.catalogue)
        return (event, self.seconds[event]) if event in self.seconds else (decision.cause, decision.since)


def refresh(workspace_id: int, mode: str, batch: Batch, now: datetime) -> bool:
    """Decide anew about the customers whom a batch concerns. No statement where it concerns none, else three at most.

    Must run in the transaction that wrote the batch's versions and states, after them.

    Returns:
        Whether all of them are in line. Where a product with very many customers changed its tier, they are not, and
        a recalculation has to be asked for.
    """
    cases = Cases()
    if batch.customers or batch.prices or batch.products:
        cases = load(workspace_id, mode, batch.customers, batch.prices, batch.products)
    _settle(workspace_id, mode, cases, batch, now)
    return cases.complete


def recompute(workspace_id: int, mode: str, customers: Sequence[str], now: datetime, why: str = "") -> int:
    """Decide anew about customers, because rules changed or time passed. Three statements at most.

    Must run in a transaction inside `scope(workspace_id)`, by the holder of the lane. Bring a few hundred customers at
    a time.

    Args:
        why: who changed what, for the lines of history; "" where time alone did.

    Returns:
        How many customers' rows changed.
    """
    if not customers:
        return 0
    cases = load(workspace_id, mode, customers)
    return _settle(workspace_id, mode, cases, Batch(uses=cases.uses(), why=why), now)


def rows(cases: Cases, now: datetime) -> dict[str, tuple[dict[str, Any], Decision]]:
    """What the access of these customers is, as rows. Pure."""
    decided = {}
    second = int(now.timestamp())
    for customer in cases.customers:
        lives, overrides = cases.subscriptions.get(customer, {}), cases.overrides.get(customer, [])
        holds = cases.holds.get(customer, [])
        if (decision := decide(lives, overrides, cases.rules, second, holds)) is not None:
            decided[customer] = (_row(customer, decision), decision)
    return decided


def _settle(workspace_id: int, mode: str, cases: Cases, batch: Batch, now: datetime) -> int:
    changed: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for customer, (row, decision) in rows(cases, now).items():
        old = cases.stored.get(customer)
        if row == old:
            continue
        changed.append(row)
        event_id, second = batch.event_for(customer, decision)
        line = {"customer": customer, "event_id": event_id, "happened_at": second, "learnt_at": now.isoformat()}
        if (told := move(old, row, cases.rules)) is not None:
            kind, before, after = told
            if batch.why:
                after["why"] = batch.why
            lines.append(
                {
                    **line,
                    "kind": kind,
                    "is_change": True,
                    "object_kind": OBJECT_KIND,
                    "object_id": customer,
                    "before": before,
                    "after": after,
                }
            )
        for price in row["unmapped"]:
            if price not in cases.announced:
                cases.announced.add(price)
                lines.append(_unmapped(line, price, cases, decision))
    uses = [{"price": price, "customer": customer} for price, customer in sorted(batch.uses)]
    _write(workspace_id, mode, uses, changed)
    write_lines(workspace_id, mode, lines, now.isoformat())
    return len(changed)


def _write(
    workspace_id: int, mode: str, uses: Sequence[Mapping[str, Any]], access: Sequence[Mapping[str, Any]]
) -> None:
    """Both tables in one statement."""
    if uses and access:
        sql = f"WITH uses AS ({USES.statement}) {ACCESS.statement}"
        run(sql, (workspace_id, mode, json.dumps(uses), workspace_id, mode, json.dumps(access)))
    else:
        USES.write(workspace_id, mode, uses)
        ACCESS.write(workspace_id, mode, access)


def _row(customer: str, decision: Decision) -> dict[str, Any]:
    given = decision.given
    return {
        "customer": customer,
        "tier": given.tier,
        "features": given.features,
        "seats": given.seats,
        "reason": str(decision.reason),
        "since": decision.since,
        "cause": decision.cause,
        "subscription": decision.subscription,
        "unmapped": list(decision.unmapped),
        "overridden": decision.overridden,
        "until": decision.until,
    }


def _unmapped(line: Mapping[str, Any], price: str, cases: Cases, decision: Decision) -> dict[str, Any]:
    return {
        **line,
        "kind": "price.unmapped",
        "is_change": False,
        "object_kind": "price",
        "object_id": price,
        "before": None,
        "after": {"price": price, "subscription": decision.subscription},
    }


def _uses(chain: Chain) -> set[tuple[str, str]]:
    """What the versions that are new say about prices, without what the one before them said already."""
    told = {(item["price"], v.whole["customer"]) for v in chain.versions for item in v.whole["items"]}
    before = chain.before.whole if chain.before is not None else {"items": ()}
    return told - {(item["price"], before["customer"]) for item in before["items"]}


def _moved(chain: Chain) -> bool:
    """Whether anything moved that access depends on. What came late may have changed steps that were there before."""
    if chain.late or chain.before is None:
        return True
    before = _part(chain.before)
    return any(_part(step) != before for step in chain.steps)


def _part(seen: Seen) -> tuple[Any, ...]:
    return tuple(seen.whole.get(name) for name in _DEPENDS_ON)


def _names(one: Learned, ids: set[str]) -> bool:
    return any(isinstance(entry, Price | Product) and entry.id in ids for entry in one.catalogue)
