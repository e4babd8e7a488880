"""What a workspace chose about its numbers, and changing it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction

from billing.models import BillingSettings
from pqintel.workspaces.models import Workspace

from . import recalculation

DERIVED: Final = frozenset({"churn_at", "past_due_days"})
"""The settings that derived rows are computed with; the others only matter when numbers are read."""


def settings_of(workspace_id: int) -> BillingSettings:
    """The settings, the defaults where nothing was ever changed (then not saved). One query. Must run in scope."""
    return BillingSettings.objects.filter(workspace_id=workspace_id).first() or BillingSettings(
        workspace_id=workspace_id
    )


def change_settings(workspace: Workspace, user: Any, **changes: Any) -> BillingSettings:
    """Change settings; where derived rows depend on them, have those computed again.

    Args:
        user: who changes them (kept as the reason of the recalculation).
        changes: fields of `BillingSettings` by name; `reporting_currency` in lower case or None.

    Must run in scope. The recalculation goes on in the background; pages say so meanwhile.
    """
    with transaction.atomic():
        found, _ = BillingSettings.objects.select_for_update().get_or_create(workspace=workspace)
        changed = {name for name, value in changes.items() if getattr(found, name) != value}
        for name in changed:
            setattr(found, name, changes[name])
        if changed & DERIVED:
            found.version += 1
            recalculation.ask(workspace.pk, f"{user} changed {', '.join(sorted(changed & DERIVED))}", datetime.now(UTC))
        if changed:
            found.save()
    return found


def time_zone_changed(workspace: Workspace) -> None:
    """Have the days of movements cut anew. Called by whoever changes a workspace's time zone, in their transaction."""
    recalculation.ask(workspace.pk, f"The time zone is now {workspace.timezone}", datetime.now(UTC))
