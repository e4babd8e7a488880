"""How far a workspace's billing state has come, so that pages know when to look again."""

from django.db import models

from .base import BillingModel


class SyncState(BillingModel):
    """One row per workspace and mode; `version` grows with every batch that changed something."""

    version = models.BigIntegerField(default=0)
    last_event_at = models.DateTimeField(null=True, help_text="When the newest event known happened at Stripe.")
    last_applied_at = models.DateTimeField(null=True, help_text="When a batch was last applied here.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="sync_state_unique"),)

    def __str__(self) -> str:
        return f"version {self.version}"
