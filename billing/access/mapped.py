"""Which tier each price gives now, as the workspace's mappings and its products' metadata say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Q

from billing.actions.access.proposals import tiers_of
from billing.actions.bulk import fetch
from billing.models import PriceMapping
from billing.modes import Mode

from .rules import MappingTerms, PriceTerms, Rules
from .tiers import TierTerms

_TERMS = """
SELECT p.stripe_id, p.lookup_key, d.tier_key FROM billing_price p
LEFT JOIN billing_product d ON d.workspace_id = %(ws)s AND d.mode = %(mode)s AND d.stripe_id = p.product
WHERE p.workspace_id = %(ws)s AND p.mode = %(mode)s AND p.stripe_id = ANY(%(prices)s::text[])
"""


def tiers_of_prices(workspace_id: int, mode: Mode, prices: Iterable[str]) -> dict[str, TierTerms]:
    """The tier of each price that gives one; prices that give none, on purpose or unmapped, are left out.

    Three queries at most, in scope; none without prices.
    """
    ids = sorted(set(prices))
    if not ids:
        return {}
    rows = fetch(_TERMS, {"ws": workspace_id, "mode": str(mode), "prices": ids})
    tiers = tiers_of(workspace_id)
    rules = mapping_rules(workspace_id, mode, tiers, {price: PriceTerms(*terms) for price, *terms in rows}, ids)
    given = ((price, rules.resolve(price).tier) for price in ids)
    return {price: tiers[tier] for price, tier in given if tier is not None}


def mapping_rules(
    workspace_id: int,
    mode: Mode,
    tiers: Mapping[str, TierTerms],
    terms: Mapping[str, PriceTerms],
    prices: Iterable[str],
) -> Rules:
    """Rules that resolve these prices; of mappings by price id only those of `prices` are read. One query, in scope."""
    rows = PriceMapping.objects.filter(workspace_id=workspace_id, mode=mode).filter(
        ~Q(kind="price") | Q(value__in=list(prices))
    )
    return Rules(
        tiers=tiers,
        mappings={(row.kind, row.value): MappingTerms(row.tier, row.removed, 1) for row in rows},
        prices=terms,
    )
