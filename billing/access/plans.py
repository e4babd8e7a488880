"""What the Plans page shows: tiers with their gates, prices with the tier that they give, overrides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count

from billing.actions.access.proposals import tiers_of
from billing.actions.bulk import fetch
from billing.actions.recalculation import open_recalculation
from billing.models import Access, AccessOverride, AccessPolicy
from billing.modes import Mode
from billing.money import Money
from billing.names import PlanName, customer_labels, plan_names

from .gates import feature_label, gate_text
from .mapped import mapping_rules
from .rules import PriceTerms, Resolution
from .tiers import DEFAULT_FREE, Gate, TierTerms

MOST_PRICES: Final = 200
MOST_OVERRIDES: Final = 100

# Paying subscribers and MRR by price are balances of the daily sums; who has a price that gives no tier, access knows.
_PRICES: Final = """
WITH worth AS (
    SELECT price, jsonb_agg(jsonb_build_array(currency, amount::text, subscribers) ORDER BY amount DESC) AS sums,
           max(amount) AS most
    FROM (
        SELECT price, currency, sum(amount) AS amount, sum(subscribers) AS subscribers FROM billing_dailyrollup
        WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'plan' AND day <= %(today)s
        GROUP BY price, currency
    ) s WHERE subscribers > 0 GROUP BY price
), waiting AS (
    SELECT unnest(unmapped) AS price, count(*) AS customers FROM billing_access
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND NOT unmapped = '{}' GROUP BY 1
), known AS (
    SELECT stripe_id AS price, product, lookup_key FROM billing_price
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND (active IS DISTINCT FROM FALSE OR stripe_id = %(only)s)
    UNION ALL
    SELECT u.price, p.product, p.lookup_key FROM (SELECT price FROM worth UNION SELECT price FROM waiting) u
    LEFT JOIN billing_price p ON p.workspace_id = %(ws)s AND p.mode = %(mode)s AND p.stripe_id = u.price
    WHERE p.stripe_id IS NULL OR p.active IS NOT DISTINCT FROM FALSE
)
SELECT k.price, k.lookup_key, d.tier_key, w.sums, coalesce(n.customers, 0)
FROM known k
LEFT JOIN billing_product d ON d.workspace_id = %(ws)s AND d.mode = %(mode)s AND d.stripe_id = k.product
LEFT JOIN worth w ON w.price = k.price
LEFT JOIN waiting n ON n.price = k.price
WHERE %(only)s::text IS NULL OR k.price = %(only)s
ORDER BY n.customers IS NULL, w.most IS NULL, -w.most, k.price
LIMIT %(limit)s
"""
_BY: Final = {"price": "this price", "lookup_key": "lookup key", "product_tier": "product metadata"}


@dataclass(frozen=True)
class PriceRow:
    """A price as the page shows it; `waiting` customers pay for it and get no tier, because nobody said which."""

    price: str
    name: PlanName
    terms: PriceTerms
    given: Resolution
    tier_name: str
    by: str
    subscribers: int
    mrr: list[Money]
    waiting: int


@dataclass(frozen=True)
class TierColumn:
    """A tier as a column; `gates` stand in the order of `Plans.features`."""

    key: str
    name: str
    rank: int
    seats: str
    customers: int
    gates: list[str]
    is_free: bool


@dataclass(frozen=True)
class OverrideRow:
    """An override with the name of its customer; `state` is running, expired or revoked."""

    row: AccessOverride
    customer_label: str
    tier_name: str
    gates: list[str]
    state: str


@dataclass(frozen=True)
class Plans:
    """All that the page shows. `more_prices`: there are further ones than are listed."""

    tiers: list[TierColumn]
    features: list[str]
    no_access: int
    prices: list[PriceRow]
    more_prices: bool
    free_tier: str | None
    past_due_days: int | None
    overrides: list[OverrideRow]
    recalculating: bool

    @property
    def unmapped(self) -> int:
        return sum(1 for row in self.prices if row.waiting)


def plans(workspace_id: int, mode: Mode, today: date, now: datetime) -> Plans:
    """Everything on the page, in a fixed number of queries. Must run in scope.

    Args:
        today: the day it is in the workspace's time zone.
    """
    tiers = tiers_of(workspace_id)
    free_tier, past_due_days = policy_of(workspace_id)
    counts = dict(
        Access.objects.filter(workspace_id=workspace_id, mode=mode).values_list("tier").annotate(count=Count("id"))
    )
    names = sorted({name for tier in tiers.values() for name in tier.features})
    prices = price_rows(workspace_id, mode, today, tiers)
    return Plans(
        tiers=[_column(tier, names, counts.get(tier.key, 0), free_tier) for tier in tiers.values()],
        features=[feature_label(name) for name in names],
        no_access=counts.get(None, 0),
        prices=prices[:MOST_PRICES],
        more_prices=len(prices) > MOST_PRICES,
        free_tier=tiers[free_tier].name if free_tier in tiers else None,
        past_due_days=past_due_days,
        overrides=_overrides(workspace_id, mode, tiers, now),
        recalculating=open_recalculation(workspace_id, mode) is not None,
    )


def policy_of(workspace_id: int) -> tuple[str | None, int | None]:
    """The free tier's key and the days of grace. One query, in scope."""
    row = AccessPolicy.objects.filter(workspace_id=workspace_id).first()
    return (DEFAULT_FREE, None) if row is None else (row.free_tier, row.past_due_days)


def price_rows(
    workspace_id: int, mode: Mode, today: date, tiers: Mapping[str, TierTerms], only: str | None = None
) -> list[PriceRow]:
    """Prices that are sold or in use, those first that give no tier to somebody who pays. Four queries, in scope.

    Args:
        only: this price alone, also when it is sold no more.
    """
    place = {"ws": workspace_id, "mode": str(mode), "today": today, "only": only, "limit": MOST_PRICES + 1}
    found = fetch(_PRICES, place)
    terms = {row[0]: PriceTerms(row[1], row[2]) for row in found}
    rules = mapping_rules(workspace_id, mode, tiers, terms, terms)
    names = plan_names(workspace_id, mode, [row[0] for row in found])
    rows = []
    for price, _, _, sums, waiting in found:
        given = rules.resolve(price)
        mrr, subscribers = _worth(sums)
        rows.append(
            PriceRow(
                price=price,
                name=names[price],
                terms=terms[price],
                given=given,
                tier_name=tiers[given.tier].name if given.tier else "",
                by=_BY.get(given.by, ""),
                subscribers=max(subscribers, waiting),
                mrr=mrr,
                waiting=waiting,
            )
        )
    return sorted(rows, key=lambda row: (not row.waiting, row.given.mapped))


def _worth(sums: Any) -> tuple[list[Money], int]:
    told = json.loads(sums) if isinstance(sums, str) else (sums or [])
    return [Money(Decimal(amount), currency) for currency, amount, _ in told], sum(int(row[2]) for row in told)


def _column(tier: TierTerms, names: Sequence[str], customers: int, free: str | None) -> TierColumn:
    gates = [gate_text(tier.features.get(name, False)) for name in names]
    return TierColumn(tier.key, tier.name, tier.rank, seats_text(tier), customers, gates, tier.key == free)


def seats_text(tier: TierTerms) -> str:
    """How many seats a tier gives, in words."""
    limit = "unlimited" if tier.seat_limit is None else str(tier.seat_limit)
    if tier.seats_by_quantity:
        return "as bought" if tier.seat_limit is None else f"as bought, up to {limit}"
    return limit


def _overrides(workspace_id: int, mode: Mode, tiers: Mapping[str, TierTerms], now: datetime) -> list[OverrideRow]:
    rows = list(
        AccessOverride.objects.filter(workspace_id=workspace_id, mode=mode).order_by("-created_at")[:MOST_OVERRIDES]
    )
    labels = customer_labels(workspace_id, mode, (row.customer for row in rows))
    shown = [
        OverrideRow(
            row,
            labels.get(row.customer, row.customer),
            tiers[row.tier].name if row.tier and row.tier in tiers else "",
            _gates(row.features),
            _state(row, now),
        )
        for row in rows
    ]
    return sorted(shown, key=lambda one: one.state != "running")


def _gates(features: Mapping[str, Gate]) -> list[str]:
    return [f"{feature_label(name)}: {gate_text(gate)}" for name, gate in sorted(features.items())]


def _state(row: AccessOverride, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "running"


def tier_choices(tiers: Iterable[TierTerms]) -> list[tuple[str, str]]:
    return [(tier.key, tier.name) for tier in tiers]
