"""What people can change about access, each as a value: what it would do can be asked before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from billing.access.decide import Override
from billing.access.rules import LOOKUP_KEY, PRICE, MappingTerms, Rules
from billing.access.tiers import DEFAULT_TIERS, Gate, TierTerms
from billing.actions.bulk import fetch, run
from billing.models import AccessOverride, AccessPolicy, OverrideEffect, PriceMapping, Tier
from billing.modes import Mode

_PRICES_BY: Final = {
    PRICE: "SELECT %(value)s::text AS price",
    LOOKUP_KEY: """
        SELECT stripe_id AS price FROM billing_price
        WHERE workspace_id = %(ws)s AND mode = %(mode)s AND lookup_key = %(value)s""",
    "product_tier": """
        SELECT p.stripe_id AS price FROM billing_product d
        JOIN billing_price p ON p.workspace_id = %(ws)s AND p.mode = %(mode)s AND p.product = d.stripe_id
        WHERE d.workspace_id = %(ws)s AND d.mode = %(mode)s AND d.tier_key = %(value)s""",
}
_USERS: Final = """
SELECT DISTINCT u.customer FROM ({prices}) p
JOIN billing_priceuse u ON u.workspace_id = %(ws)s AND u.mode = %(mode)s AND u.price = p.price
LIMIT %(limit)s
"""
_EVERYBODY: Final = """
SELECT customer FROM billing_access WHERE workspace_id = %(ws)s AND mode = %(mode)s ORDER BY customer LIMIT %(limit)s
"""
_REVOKE: Final = """
UPDATE billing_accessoverride SET revoked_at = %s, revoked_by = %s
WHERE workspace_id = %s AND mode = %s AND customer = %s AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > %s)
"""


class Proposal(Protocol):
    """A change of the rules. `words` says it in half a sentence, after the name of who made it."""

    @property
    def modes(self) -> tuple[Mode, ...]: ...

    @property
    def words(self) -> str: ...

    def applied(self, rules: Rules, now: int) -> Rules:
        """The rules as they would be. Pure; `now` in unix seconds."""
        ...

    def overrides(self, customer: str, overrides: list[Override], now: int) -> list[Override]:
        """A customer's overrides as they would be. Pure."""
        ...

    def customers(self, workspace_id: int, mode: Mode, limit: int) -> list[str]:
        """Whom it may concern, so many at most. One query, in scope."""
        ...

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        """Write the rule. Must run in a transaction in scope; rows of customers are brought in line by the caller."""
        ...


class OfRules:
    """A proposal that leaves overrides as they are and may concern everybody, in both modes."""

    @property
    def modes(self) -> tuple[Mode, ...]:
        return tuple(Mode)

    def overrides(self, customer: str, overrides: list[Override], now: int) -> list[Override]:
        return overrides

    def customers(self, workspace_id: int, mode: Mode, limit: int) -> list[str]:
        return [row[0] for row in fetch(_EVERYBODY, {"ws": workspace_id, "mode": str(mode), "limit": limit})]


@dataclass(frozen=True)
class MapPrice(OfRules):
    """Say which tier a price, a lookup key or a product's metadata gives.

    `tier` None = none on purpose (an add-on); `remove` takes the mapping away, and the next rule decides.
    """

    mode: Mode
    kind: str
    value: str
    tier: str | None
    remove: bool = False

    @property
    def modes(self) -> tuple[Mode, ...]:
        return (self.mode,)

    @property
    def words(self) -> str:
        if self.remove:
            return f"took away the mapping of {self.value}"
        return f"mapped {self.value} to {self.tier}" if self.tier else f"made {self.value} an add-on"

    def applied(self, rules: Rules, now: int) -> Rules:
        terms = MappingTerms(self.tier, self.remove, now)
        return replace(rules, mappings={**rules.mappings, (self.kind, self.value): terms})

    def customers(self, workspace_id: int, mode: Mode, limit: int) -> list[str]:
        sql = _USERS.format(prices=_PRICES_BY[self.kind])
        place = {"ws": workspace_id, "mode": str(mode), "value": self.value, "limit": limit}
        return [row[0] for row in fetch(sql, place)]

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        PriceMapping.objects.update_or_create(
            workspace_id=workspace_id,
            mode=self.mode,
            kind=self.kind,
            value=self.value,
            defaults={"tier": self.tier, "removed": self.remove, "changed_at": now, "changed_by": by},
        )


@dataclass(frozen=True)
class EditTier(OfRules):
    """Change a tier, or add one under a new key."""

    key: str
    name: str
    rank: int
    features: Mapping[str, Gate]
    seat_limit: int | None
    seats_by_quantity: bool

    @property
    def words(self) -> str:
        return f"edited the tier {self.key}"

    def applied(self, rules: Rules, now: int) -> Rules:
        old = rules.tiers.get(self.key)
        moved = old is None or self._gates(old) != self._gates(self)
        changed_at = now if moved else (old.changed_at if old else None)
        terms = TierTerms(
            self.key, self.name, self.rank, dict(self.features), self.seat_limit, self.seats_by_quantity, changed_at
        )
        return replace(rules, tiers={**rules.tiers, self.key: terms})

    @staticmethod
    def _gates(tier: EditTier | TierTerms) -> tuple[Any, ...]:
        return dict(tier.features), tier.seat_limit, tier.seats_by_quantity

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        """With the first edit the default tiers become rows, all of them."""
        make_rows_of_defaults(workspace_id)
        rules = Rules(tiers=tiers_of(workspace_id))
        terms = self.applied(rules, int(now.timestamp())).tiers[self.key]
        old = rules.tiers.get(self.key)
        fields: dict[str, Any] = {
            "name": self.name,
            "rank": self.rank,
            "features": dict(self.features),
            "seat_limit": self.seat_limit,
            "seats_by_quantity": self.seats_by_quantity,
        }
        if old is None or terms.changed_at != old.changed_at:
            fields |= {"changed_at": now, "changed_by": by}
        Tier.objects.update_or_create(workspace_id=workspace_id, key=self.key, defaults=fields)


@dataclass(frozen=True)
class SetPolicy(OfRules):
    """Say what becomes of those who do not pay; see models.AccessPolicy."""

    free_tier: str | None
    past_due_days: int | None

    @property
    def words(self) -> str:
        return "changed what happens to those who do not pay"

    def applied(self, rules: Rules, now: int) -> Rules:
        return replace(rules, free_tier=self.free_tier, past_due_days=self.past_due_days, policy_changed_at=now)

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        AccessPolicy.objects.update_or_create(
            workspace_id=workspace_id,
            defaults={
                "free_tier": self.free_tier,
                "past_due_days": self.past_due_days,
                "changed_at": now,
                "changed_by": by,
            },
        )


@dataclass(frozen=True)
class Grant(OfRules):
    """Give a customer an override; one that runs already ends."""

    mode: Mode
    customer: str
    effect: OverrideEffect
    tier: str | None
    features: Mapping[str, Gate]
    seats: int | None
    reason: str
    expires_at: datetime | None

    @property
    def modes(self) -> tuple[Mode, ...]:
        return (self.mode,)

    @property
    def words(self) -> str:
        return f"granted an override: {self.reason}"

    def applied(self, rules: Rules, now: int) -> Rules:
        return rules

    def overrides(self, customer: str, overrides: list[Override], now: int) -> list[Override]:
        ends = None if self.expires_at is None else int(self.expires_at.timestamp())
        exactly = self.effect == OverrideEffect.EXACTLY
        new = Override(0, exactly, self.tier, dict(self.features), self.seats, now, ends)
        return [*_ended(overrides, now), new]

    def customers(self, workspace_id: int, mode: Mode, limit: int) -> list[str]:
        return [self.customer]

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        run(_REVOKE, (now, by, workspace_id, str(self.mode), self.customer, now))
        AccessOverride.objects.create(
            workspace_id=workspace_id,
            mode=self.mode,
            customer=self.customer,
            effect=self.effect,
            tier=self.tier,
            features=dict(self.features),
            seats=self.seats,
            reason=self.reason,
            created_at=now,
            created_by=by,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True)
class Revoke(OfRules):
    """End a customer's override now."""

    mode: Mode
    customer: str

    @property
    def modes(self) -> tuple[Mode, ...]:
        return (self.mode,)

    @property
    def words(self) -> str:
        return "revoked the override"

    def applied(self, rules: Rules, now: int) -> Rules:
        return rules

    def overrides(self, customer: str, overrides: list[Override], now: int) -> list[Override]:
        return _ended(overrides, now)

    def customers(self, workspace_id: int, mode: Mode, limit: int) -> list[str]:
        return [self.customer]

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        run(_REVOKE, (now, by, workspace_id, str(self.mode), self.customer, now))


def make_rows_of_defaults(workspace_id: int) -> None:
    """Turn the default tiers into rows, once. Must run in a transaction in scope."""
    if Tier.objects.filter(workspace_id=workspace_id).exists():
        return
    rows = [
        Tier(
            workspace_id=workspace_id,
            key=tier.key,
            name=tier.name,
            rank=tier.rank,
            features=dict(tier.features),
            seat_limit=tier.seat_limit,
            seats_by_quantity=tier.seats_by_quantity,
        )
        for tier in DEFAULT_TIERS
    ]
    Tier.objects.bulk_create(rows, ignore_conflicts=True)


def tiers_of(workspace_id: int) -> dict[str, TierTerms]:
    """The workspace's tiers by key, the default ones where nothing was edited. One query, in scope."""
    rows = Tier.objects.filter(workspace_id=workspace_id)
    found = {
        row.key: TierTerms(
            row.key,
            row.name,
            row.rank,
            row.features,
            row.seat_limit,
            row.seats_by_quantity,
            None if row.changed_at is None else int(row.changed_at.timestamp()),
        )
        for row in rows
    }
    return dict(sorted((found or {t.key: t for t in DEFAULT_TIERS}).items(), key=lambda item: (item[1].rank, item[0])))


def _ended(overrides: list[Override], now: int) -> list[Override]:
    return [o._replace(ends=now, revoked=now) if o.ends is None or o.ends > now else o for o in overrides]
