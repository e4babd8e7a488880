"""Every snapshot that an event or a read has shown; what everything else is derived from."""

from django.db import models

from .base import BillingModel


class Version(BillingModel):
    """One object as one event showed it: our named fields (`snapshots.known`), never a payload.

    `position` = 2 × unix second + 1, or 2 × unix second for an answer read from the API, which sorts first in its
    second. `before` and `after` are digests of the state around the event ('' = nothing came before; null = the event
    does not say). `chosen` marks the version that is the state of its second; `resolved` is that state with fields
    filled in that its shape did not carry (null = nothing to fill).
    """

    kind = models.TextField()
    object_id = models.TextField()
    position = models.BigIntegerField()
    event_id = models.TextField()
    before = models.TextField(null=True)
    after = models.TextField()
    state = models.JSONField()
    resolved = models.JSONField(null=True)
    chosen = models.BooleanField(default=False)
    sure = models.BooleanField(default=True)
    learnt_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "kind", "object_id", "position", "event_id"), name="version_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} by {self.event_id}"
