"""Django's PostgreSQL backend, plus: the role at connect, the workspace at every outermost BEGIN.

Django's own `assume_role` deadlocks with the connection pool and breaks migrate and the test database, so the role is
set here. The workspace is a transaction-local setting (`app.ws`): when the transaction ends it is gone, whoever gets
the connection next.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from pqintel.workspaces.context import current_workspace

from .creation import DatabaseCreation
from .patience import Connection

APP_ROLE = "pq_app"
STAFF_ROLE = "pq_staff"


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects as a role that row-level security binds; `as_owner()` is the one way around it, for migrations."""

    creation_class = DatabaseCreation
    owner = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that does not wait for a hung server without end, except for the owner's schema changes."""
        if self.owner or self.pool:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return Connection.connect(**conn_params)

    def _configure_role(self, connection: Any) -> bool:
        if self.owner or self.alias == NO_DB_ALIAS:
            return False
        connection.execute(f"SET ROLE {APP_ROLE}")
        return True

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs do not know it
        if not autocommit and (workspace := current_workspace.get()) is not None:
            self.enter_workspace(workspace)

    def enter_workspace(self, workspace: int | None) -> None:
        """Set the workspace of the open transaction; None leaves it without one, so that tenant tables raise."""
        text = "" if workspace is None else str(workspace)
        with self.wrap_database_errors:  # who catches Django's errors means a lost connection here as well
            self.connection.execute("SELECT set_config('app.ws', %s, true)", (text,))

    @contextmanager
    def as_owner(self) -> Iterator[None]:
        """Reconnect as the owner of the tables (DATABASE_OWNER_URL where given) for schema changes and grants."""
        saved = self.settings_dict
        login = copy.deepcopy(saved)
        login["OPTIONS"].pop("pool", None)
        for key in ("USER", "PASSWORD", "HOST", "PORT"):
            if settings.DATABASE_OWNER and settings.DATABASE_OWNER.get(key):
                login[key] = settings.DATABASE_OWNER[key]
        self.close()
        self.settings_dict, self.owner = login, True
        try:
            yield
        finally:
            self.close()
            self.settings_dict, self.owner = saved, False
