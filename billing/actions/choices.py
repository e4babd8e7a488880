"""How a workspace wants its numbers derived: read for every batch."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from billing.models import ChurnAt

from .bulk import fetch

_CHOICES = """
SELECT w.timezone, s.churn_at, s.past_due_days
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
