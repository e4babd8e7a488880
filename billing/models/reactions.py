"""Lines of history that somebody has yet to react to."""

from __future__ import annotations

from django.db import models

from .base import BillingModel


class PendingReaction(BillingModel):
    """A line of history that waits to be reacted to: put there with the line, deleted with what was done about it.

    A table of its own, because a column of the history would have every line written twice, with all its indexes.
    `entry` is the line's id (lines are never deleted alone). Not looked at before `due_at`: a reaction failed.
    `tries` is committed before each; `gave_up_at` is set where a line failed alone too often, with the `reason`.
    """

    entry = models.BigIntegerField()
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField()
    gave_up_at = models.DateTimeField(null=True)
    reason = models.TextField(default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "entry"), name="pending_reaction_unique"),)
        indexes = (
            models.Index(
                fields=("workspace", "mode", "id"),
                name="pending_reaction_waits",
                condition=models.Q(gave_up_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"line {self.entry}"
