"""What names a tier: why it cannot be deleted yet, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.actions.bulk import fetch
from billing.modes import Mode

from .tiers import DEFAULT_FREE

_NAMED: Final = 3
"""How many are named of each sort; the rest is counted."""

# One row a sort, mode and value. Mappings that were taken away and overrides that are over name nothing any more. A
# product's metadata speaks for itself, unless a mapping says something else about that metadata.
_USES: Final = """
SELECT 'mapping:' || kind AS sort, mode, value FROM billing_pricemapping
WHERE workspace_id = %(ws)s AND tier = %(key)s AND NOT removed
UNION ALL
SELECT 'override', mode, customer FROM billing_accessoverride
WHERE workspace_id = %(ws)s AND tier = %(key)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
UNION ALL
SELECT 'metadata', mode, coalesce(name, stripe_id) FROM billing_product d
WHERE workspace_id = %(ws)s AND lower(btrim(tier_key, E' \\t\\r\\n')) = %(key)s AND NOT EXISTS (
    SELECT FROM billing_pricemapping m WHERE m.workspace_id = d.workspace_id AND m.mode = d.mode
    AND m.kind = 'product_tier' AND m.value = d.tier_key AND NOT m.removed
)
UNION ALL
SELECT 'policy', '', '' FROM (SELECT 1) one WHERE %(key)s = coalesce(
    (SELECT coalesce(free_tier, '') FROM billing_accesspolicy WHERE workspace_id = %(ws)s), %(default)s)
UNION ALL
SELECT 'last', '', '' FROM (SELECT 1) one
WHERE (SELECT count(*) FROM billing_tier WHERE workspace_id = %(ws)s) = 1
ORDER BY 1, 2, 3
"""
_WORDS: Final = {
    "mapping:price": ("price", "is", "are", "mapped to it", "Map each to another tier, under “Prices” of that mode."),
    "mapping:lookup_key": (
        "lookup key", "is", "are", "mapped to it",
        "Open one of its prices, choose “Every price with the lookup key”, and another tier.",
    ),
    "mapping:product_tier": (
        "kind of metadata", "is", "are", "mapped to it",
        "Open a price of such a product, choose “Every product with” that metadata, and another tier.",
    ),
    "override": ("running override", "gives", "give", "it", "Revoke it, or grant another one in its place."),
    "metadata": (
        "product", "names", "name", "it in the metadata at Stripe",
        "Open a price of the product, choose “Every product with” that metadata, and another tier.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """Something that names a tier, in words, and what to do about it."""

    text: str
    remedy: str


def uses_of_tier(workspace_id: int, key: str, now: datetime) -> list[Use]:
    """Everything that names a tier, in both modes; nothing of it lets the tier be deleted. One query, in scope.

    Args:
        now: aware; overrides that ended before it name nothing.
    """
    rows = fetch(_USES, {"ws": workspace_id, "key": key, "now": now, "default": DEFAULT_FREE})
    by_sort: dict[tuple[str, str], list[str]] = {}
    for sort, mode, value in rows:
        by_sort.setdefault((sort, mode), []).append(value)
    return list(_in_words(by_sort))


def _in_words(by_sort: dict[tuple[str, str], list[str]]) -> Iterator[Use]:
    for (sort, mode), values in by_sort.items():
        if sort == "policy":
            yield Use("Who does not pay falls to it.", "Choose another tier, or no access, under “Who does not pay”.")
        elif sort == "last":
            yield Use("It is the only tier.", "Add another one first.")
        else:
            one, verb, verbs, rest, remedy = _WORDS[sort]
            count = f"{len(values):,} {one if len(values) == 1 else f'{one}s'}"
            named = f"{count} in {Mode(mode)} mode {verb if len(values) == 1 else verbs} {rest}: {_listed(values)}."
            yield Use(named, remedy)


def _listed(values: Sequence[str]) -> str:
    more = len(values) - _NAMED
    return ", ".join(values[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
