"""Which lanes have work: what the sweeps ask across workspaces."""

from __future__ import annotations

from django.db import connection

from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.workspaces.tenancy import everywhere


def lanes(reason: str, sql: str) -> list[int]:
    """The lanes that a query finds; it selects workspace id and mode, and runs as the role that may only read."""
    with everywhere(reason), connection.cursor() as cursor:
        cursor.execute(sql)
        return [lane_of(workspace_id, Mode(mode)) for workspace_id, mode in cursor.fetchall()]
