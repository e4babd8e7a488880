"""How far the reading of an account has come."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from pqintel.workspaces.tenancy import TenantModel

from .connections import MODES, Connection


class Backfill(TenantModel):
    """One run of reading what an account holds and its last 30 days of events, and how far it has come.

    `stage` names what is read now ('' = all is), `place` where its list goes on, `pages` how many of its pages are in.
    `counts` are objects by stage; `skipped` says why a stage was left out. `reached` and `oldest` are the creation
    (unix seconds) of the last object read and of the oldest one known: what is left is estimated from them.

    While `waits_until` lies ahead nothing is asked, and `waits_for` says why. A run that failed goes on where it
    stopped when it is started again.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=4, choices=MODES)
    stage = models.TextField(blank=True)
    place = models.TextField(blank=True, default="")
    pages = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)
    skipped = models.JSONField(default=dict)
    reached = models.BigIntegerField(null=True)
    oldest = models.BigIntegerField(null=True)
    tries = models.SmallIntegerField(default=0)
    waits_until = models.DateTimeField(null=True)
    waits_for = models.TextField(blank=True, default="")
    failure = models.TextField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    stepped_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "connection"), name="backfill_one_at_a_time", condition=models.Q(finished_at=None)
            ),
        )
        indexes = (models.Index(fields=("workspace", "connection", "-started_at"), name="backfill_latest"),)

    def __str__(self) -> str:
        return f"{self.stage or 'done'}, {sum(self.counts.values())} objects"
