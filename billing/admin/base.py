"""What the admin's lists of billing records have in common."""

from __future__ import annotations

from typing import ClassVar

from pqintel.workspaces.staff import TenantAdmin


class RecordAdmin(TenantAdmin):
    """What every billing record's list has."""

    list_filter: ClassVar[tuple[str, ...]] = ("mode",)
    found_by: tuple[str, ...] = ("stripe_id",)
