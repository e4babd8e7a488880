"""How a workspace wants its numbers derived: read for every batch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from billing.models import ChurnAt

from .bulk import fetch

_CHOICES = """
SELECT w.timezone, s.churn_at, s.past_due_days
FROM workspaces_workspace w LEFT JOIN billing_billingsettings s ON s.workspace_id = w.id
WHERE w.id = %s
"""
# For every batch: also the subscriptions that wait for terms which are not known yet, and for which.
_BOTH = """
SELECT w.timezone, s.churn_at, s.past_due_days, (
    SELECT jsonb_object_agg(stripe_id, awaiting) FROM billing_subscription
    WHERE workspace_id = w.id AND mode = %s AND NOT awaiting = '{}'
)
FROM workspaces_workspace w LEFT JOIN billing_billingsettings s ON s.workspace_id = w.id
WHERE w.id = %s
"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What derived rows are computed with. `past_due_days` None = `past_due` counts without an end."""

    zone: ZoneInfo
    churn_at_request: bool = False
    past_due_days: int | None = None


def choices_of(workspace_id: int) -> Choices:
    """The choices that hold now. One query. Must run in scope."""
    ((timezone, churn_at, past_due_days),) = fetch(_CHOICES, (workspace_id,))
    return Choices(ZoneInfo(timezone), churn_at == ChurnAt.REQUEST, past_due_days)


def choices_and_waiting(workspace_id: int, mode: str) -> tuple[Choices, dict[str, list[str]]]:
    """The choices, and the terms that subscriptions of a mode wait for, by subscription. One query. In scope."""
    ((timezone, churn_at, past_due_days, waiting),) = fetch(_BOTH, (mode, workspace_id))
    awaited: dict[str, list[str]] = json.loads(waiting) if isinstance(waiting, str) else waiting or {}
    return Choices(ZoneInfo(timezone), churn_at == ChurnAt.REQUEST, past_due_days), awaited
