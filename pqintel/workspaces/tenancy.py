"""The one door to tenant rows: `scope(workspace)`. Everything else raises.

A transaction belongs to one workspace or to none. Outside a scope, PostgreSQL refuses every statement on a tenant
table, because the policies read a setting that is absent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from django.db import connection, models, transaction

from .context import current_workspace
from .postgres.base import APP_ROLE, STAFF_ROLE, DatabaseWrapper

if TYPE_CHECKING:
    from .models import Workspace

log = logging.getLogger(__name__)


class ScopeError(RuntimeError):
    """Code tried to work for two workspaces in one transaction, or for none where one is needed."""


@contextmanager
def scope(workspace: Workspace | int) -> Iterator[int]:
    """Work for one workspace. Sets only a context variable; the database learns it at the next BEGIN.

    Raises:
        ScopeError: a transaction of another workspace is open.
    """
    workspace_id = workspace if isinstance(workspace, int) else workspace.pk
    previous = current_workspace.get()
    if connection.in_atomic_block and previous not in (None, workspace_id):
        raise ScopeError(f"A transaction of workspace {previous} is open; it cannot also work for {workspace_id}.")
    token = current_workspace.set(workspace_id)
    try:
        if connection.in_atomic_block and previous is None:
            _database().enter_workspace(workspace_id)
        yield workspace_id
    finally:
        current_workspace.reset(token)
        if connection.in_atomic_block and previous is None and not connection.needs_rollback:
            _leave_workspace()


@contextmanager
def scoped_transaction(workspace: Workspace | int) -> Iterator[int]:
    """`scope` and a transaction in one: the usual way for tasks and commands."""
    with scope(workspace) as workspace_id, transaction.atomic():
        yield workspace_id


@contextmanager
def everywhere(reason: str) -> Iterator[None]:
    """Read across workspaces (admin, sweeps). Read-only: the role may only SELECT. `reason` goes to the log."""
    log.debug("reading across workspaces", extra={"reason": reason})
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {STAFF_ROLE}")
        yield
        with connection.cursor() as cursor:  # for a surrounding transaction
            cursor.execute(f"SET LOCAL ROLE {APP_ROLE}")


def current_workspace_id() -> int:
    """The workspace of the running scope.

    Raises:
        ScopeError: there is none.
    """
    workspace_id = current_workspace.get()
    if workspace_id is None:
        raise ScopeError("No workspace is set here: enter scope(workspace) first.")
    return workspace_id


def _database() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connection)


def _leave_workspace() -> None:
    try:
        _database().enter_workspace(None)
    except Exception:
        # The transaction is already broken; whoever owns it must roll back, and nobody may go on using it.
        connection.needs_rollback = True
        log.debug("transaction broken while leaving a scope", exc_info=True)


class TenantModel(models.Model):
    """A row of one workspace. Its table carries row-level security (rls.EnableRowSecurity), a test says so."""

    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        abstract = True
