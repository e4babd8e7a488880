"""What a workspace decided: its tiers, which price gives which, and what becomes of those who do not pay. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .tiers import DEFAULT_FREE, DEFAULT_TIERS, TierTerms

PRICE, LOOKUP_KEY, PRODUCT_TIER = "price", "lookup_key", "product_tier"


class MappingTerms(NamedTuple):
    """A mapping (models.PriceMapping); `changed_at` in unix seconds."""

    tier: str | None
    removed: bool
    changed_at: int


class PriceTerms(NamedTuple):
    """What a price is known by besides its id: its lookup key, and its product's metadata `tier`."""

    lookup_key: str | None = None
    product_tier: str | None = None


class Resolution(NamedTuple):
    """What a price gives: `tier` (None with `mapped`: nothing, on purpose), and by what (a mapping's kind).

    `touched` is when somebody last changed a mapping that speaks of this price, in unix seconds (0 = nobody did), and
    which one that was.
    """

    mapped: bool = False
    tier: str | None = None
    by: str = ""
    touched: tuple[int, str] = (0, "")


def default_tiers() -> dict[str, TierTerms]:
    return {tier.key: tier for tier in DEFAULT_TIERS}


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides about access besides the subscriptions themselves.

    `free_tier` None = who does not pay has no access. `past_due_days` None = `past_due` keeps its access.
    """

    tiers: Mapping[str, TierTerms] = field(default_factory=default_tiers)
    mappings: Mapping[tuple[str, str], MappingTerms] = field(default_factory=dict)
    prices: Mapping[str, PriceTerms] = field(default_factory=dict)
    free_tier: str | None = DEFAULT_FREE
    past_due_days: int | None = None
    policy_changed_at: int = 0

    def resolve(self, price: str) -> Resolution:
        """Which tier a price gives: by its id, else its lookup key, else its product's metadata.

        Metadata that is the key of a tier means that tier, without anybody's saying so. A tier that does not exist
        maps nothing.
        """
        terms = self.prices.get(price, PriceTerms())
        asked = ((PRICE, price), (LOOKUP_KEY, terms.lookup_key), (PRODUCT_TIER, terms.product_tier))
        found, touched = Resolution(), (0, "")
        for kind, value in asked:
            mapping = self.mappings.get((kind, value)) if value is not None else None
            if mapping is None:
                continue
            touched = max(touched, (mapping.changed_at, f"mapping:{kind}:{value}"))
            if not found.mapped and not mapping.removed and (mapping.tier is None or mapping.tier in self.tiers):
                found = Resolution(mapped=True, tier=mapping.tier, by=kind)
        if not found.mapped and (named := self._named_by(terms.product_tier)):
            found = Resolution(mapped=True, tier=named, by=PRODUCT_TIER)
        return found._replace(touched=touched)

    def _named_by(self, product_tier: str | None) -> str | None:
        key = (product_tier or "").strip().lower()
        return key if key in self.tiers else None

    @property
    def fallback(self) -> TierTerms | None:
        """The tier of those who do not pay; None = no access."""
        return self.tiers.get(self.free_tier or "")
