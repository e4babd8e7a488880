"""How far a workspace's billing state has come, so that pages know when to look again."""

from typing import Final

from django.db import models

from .base import BillingModel

RULES: Final = 2
"""Which rules derived rows are computed by now. Raise it when they change: everything is then computed again."""


class SyncState(BillingModel):
    """One row per workspace and mode; `version` grows with every batch that changed something.

    `rules` says by which rules the derived rows were computed (`RULES`; 0 = by those of before there were movements).
    """

    version = models.BigIntegerField(default=0)
    rules = models.PositiveSmallIntegerField(default=0, db_default=0)
    last_event_at = models.DateTimeField(null=True, help_text="When the newest event known happened at Stripe.")
    last_applied_at = models.DateTimeField(null=True, help_text="When a batch was last applied here.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="sync_state_unique"),)

    def __str__(self) -> str:
        return f"version {self.version}"
