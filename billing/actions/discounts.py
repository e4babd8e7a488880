"""Customers' own discounts, which apply to those of their subscriptions that have none themselves."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from billing.snapshots import DiscountRef, Kind, revive

from .bulk import fetch
from .timeline import Chain, extend

_TIMELINES = """
SELECT object_id, position / 2, coalesce(resolved, state) -> 'discounts' FROM billing_version
WHERE workspace_id = %s AND mode = %s AND kind = 'customer' AND object_id = ANY(%s) AND chosen
ORDER BY object_id, position
"""
_SUBSCRIPTIONS = """
SELECT stripe_id FROM billing_subscription WHERE workspace_id = %s AND mode = %s AND customer = ANY(%s)
"""


@dataclass
class CustomerDiscounts:
    """Which discounts each customer had from which second on; customers who never had one are left out."""

    steps: dict[str, list[tuple[int, tuple[DiscountRef, ...]]]] = field(default_factory=dict)

    def pieces(
        self, customer: str, since: int, until: int | None
    ) -> Iterable[tuple[int, int | None, tuple[DiscountRef, ...]]]:
        """The time from `since` to `until` (None: no end) in pieces with the discounts that hold in each."""
        steps = self.steps.get(customer, [])
        first = bisect_right(steps, since, key=lambda step: step[0]) - 1
        now, held = since, steps[first][1] if first >= 0 else ()
        for second, discounts in steps[first + 1 :]:
            if until is not None and second >= until:
                break
            if second > now and discounts != held:
                yield now, second, held
                now = second
            held = discounts
        yield now, until, held

    def at(self, customer: str, second: int) -> tuple[DiscountRef, ...]:
        """The discounts that hold at a second; before the first that is known, those that are known first."""
        steps = self.steps.get(customer, [])
        return steps[max(bisect_right(steps, second, key=lambda step: step[0]) - 1, 0)][1] if steps else ()

    def owners(self) -> dict[str, str]:
        """Discount id → the customer whose own it is."""
        return {
            ref.id: customer for customer, steps in self.steps.items() for _, refs in steps for ref in refs if ref.id
        }


def discounts_of(workspace_id: int, mode: str, customers: Iterable[str]) -> CustomerDiscounts:
    """The timelines of customers' own discounts. One query, or none."""
    found = CustomerDiscounts()
    if asked := sorted(set(customers)):
        for customer, second, carried in fetch(_TIMELINES, (workspace_id, mode, asked)):
            refs = json.loads(carried) if isinstance(carried, str) else carried
            step = (second, tuple(revive(DiscountRef, ref) for ref in refs or ()))
            found.steps.setdefault(customer, []).append(step)
    found.steps = {c: steps for c, steps in found.steps.items() if any(refs for _, refs in steps)}
    return found


def with_their_subscriptions(workspace_id: int, mode: str, chains: list[Chain], learnt_at: str) -> list[Chain]:
    """The chains, and whole ones of all subscriptions of customers among them who have or had a discount of their own.

    Two statements more where there are such customers, which is rare.
    """
    customers = {chain.object_id for chain in chains if chain.kind is Kind.CUSTOMER and _ever_discounted(chain)}
    if not customers:
        return chains
    stored = fetch(_SUBSCRIPTIONS, (workspace_id, mode, sorted(customers)))
    theirs = {row[0] for row in stored}
    theirs |= {c.object_id for c in chains if c.kind is Kind.SUBSCRIPTION and c.last.whole["customer"] in customers}
    whole = extend(workspace_id, mode, {}, theirs, learnt_at)
    return [c for c in chains if c.kind is not Kind.SUBSCRIPTION or c.object_id not in theirs] + whole


def _ever_discounted(chain: Chain) -> bool:
    versions: list[Any] = [*chain.versions, *([chain.before] if chain.before else [])]
    return any(version.whole.get("discounts") for version in versions)
