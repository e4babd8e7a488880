"""Billing history: what happened to billing state, with its cause, when it happened and when it was learnt."""

from django.db import models
from django.db.models import Q

from billing.failures import FAILURE_FACTS

from .base import BillingModel


class HistoryEntry(BillingModel):
    """One line of the append-only history.

    A **fact** (`is_change` False) comes straight from an event, carries its own data in `after` and is never taken
    back. A **change** is one step of an object's chain of states, before → after. When a late event shows that the
    chain was different, the outdated step is marked superseded, never deleted, and the right one is added.
    """

    kind = models.TextField()
    is_change = models.BooleanField()
    object_kind = models.TextField()
    object_id = models.TextField()
    customer = models.TextField(null=True)
    happened_at = models.DateTimeField()
    learnt_at = models.DateTimeField()
    event_id = models.TextField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "history entries"
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "mode", "event_id", "kind", "object_id"),
                name="history_fact_unique",
                condition=Q(is_change=False),
            ),
            models.UniqueConstraint(
                fields=("workspace", "mode", "object_kind", "object_id", "happened_at", "kind", "event_id"),
                name="history_change_unique",
                condition=Q(is_change=True, superseded_at=None),
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "mode", "-happened_at", "-id"), name="history_newest"),
            models.Index(
                fields=("workspace", "mode", "object_kind", "object_id", "happened_at"), name="history_object"
            ),
            models.Index(fields=("workspace", "mode", "customer", "-happened_at"), name="history_customer"),
            models.Index(fields=("workspace", "mode", "kind", "happened_at", "id"), name="history_kind"),
            models.Index(
                fields=("workspace", "mode", "customer"),
                name="history_failures",
                condition=Q(is_change=False, kind__in=FAILURE_FACTS),
            ),
            models.Index(
                fields=("workspace", "mode", "object_id"),
                name="history_guest_failures",
                condition=Q(is_change=False, kind__in=FAILURE_FACTS, customer=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
