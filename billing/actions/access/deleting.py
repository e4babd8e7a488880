"""Deleting a tier: a change of the rules like the others, refused while something names the tier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from billing.access.rules import Rules
from billing.access.uses import Use, uses_of_tier
from billing.models import Tier

from .proposals import OfRules, make_rows_of_defaults


class TierInUseError(Exception):
    """Something names the tier (`uses`), and would be left pointing at nothing."""

    def __init__(self, uses: list[Use]) -> None:
        super().__init__("; ".join(use.text for use in uses))
        self.uses = uses


@dataclass(frozen=True)
class DeleteTier(OfRules):
    """Take a tier away. What history says of it stays.

    What is decided in the same moment and names the tier gives nothing then, and the Plans page shows it as unmapped.
    """

    key: str

    @property
    def words(self) -> str:
        return f"deleted the tier {self.key}"

    def applied(self, rules: Rules, now: int) -> Rules:
        return replace(rules, tiers={key: terms for key, terms in rules.tiers.items() if key != self.key})

    def save(self, workspace_id: int, by: str, now: datetime) -> None:
        """Where nothing was edited yet, the other default tiers become rows. Raises TierInUseError."""
        make_rows_of_defaults(workspace_id)
        if uses := uses_of_tier(workspace_id, self.key, now):
            raise TierInUseError(uses)
        Tier.objects.filter(workspace_id=workspace_id, key=self.key).delete()
