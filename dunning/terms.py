"""The terms in force: the workspace's policy, and who is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from billing.actions.bulk import unique
from billing.modes import Mode

from .models import Case, Exclusion, ExclusionKind, Policy

WORDS: Final = {
    ExclusionKind.CUSTOMER: "The customer is excluded from dunning.",
    ExclusionKind.TIER: "Customers of this tier are excluded from dunning.",
}


def policy_of(workspace_id: int, mode: Mode) -> Policy:
    """The policy in force; where nobody has changed anything, the defaults in a row that is not stored. One query."""
    stored = Policy.objects.filter(workspace_id=workspace_id, mode=mode).first()
    return stored or Policy(workspace_id=workspace_id, mode=mode)


@dataclass(frozen=True, slots=True)
class Excluded:
    """The exclusions that may concern some customers."""

    customers: frozenset[str]
    tiers: frozenset[str]

    def why(self, customer: str, tier: str | None) -> str:
        """Why somebody is left alone, as a sentence; "" where nobody said so."""
        if customer in self.customers:
            return WORDS[ExclusionKind.CUSTOMER]
        return WORDS[ExclusionKind.TIER] if tier in self.tiers else ""

    def why_case(self, case: Case) -> str:
        return self.why(case.customer, case.tier)


def excluded(workspace_id: int, mode: Mode, customers: Iterable[str]) -> Excluded:
    """Who of these customers is excluded by name, and every tier that is. One query, in scope."""
    rows = Exclusion.objects.filter(
        Q(kind=ExclusionKind.TIER) | Q(kind=ExclusionKind.CUSTOMER, value__in=unique(customers)),
        workspace_id=workspace_id,
        mode=mode,
    ).values_list("kind", "value")
    by_kind: dict[str, set[str]] = {kind.value: set() for kind in ExclusionKind}
    for kind, value in rows:
        by_kind[kind].add(value)
    return Excluded(frozenset(by_kind[ExclusionKind.CUSTOMER]), frozenset(by_kind[ExclusionKind.TIER]))
