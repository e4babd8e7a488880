"""Row-level security as a migration operation, and the grants that go with it."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# Rows are visible and writable for their own workspace only. `current_setting` without its second argument raises when
# nobody entered a scope: silent zero rows would show "MRR 0".
_ENABLE = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO pq_app
    USING (workspace_id = current_setting('app.ws')::bigint)
    WITH CHECK (workspace_id = current_setting('app.ws')::bigint);
CREATE POLICY staff ON {table} FOR SELECT TO pq_staff USING (true);
"""
_DISABLE = """
DROP POLICY staff ON {table};
DROP POLICY tenant ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""

# Run by our `migrate` after every migration: what the two roles may do with whatever tables there are now.
GRANTS = """
GRANT USAGE ON SCHEMA public TO pq_app, pq_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO pq_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO pq_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pq_staff;
"""


class EnableRowSecurity(Operation):
    """Put a tenant table behind its policies. One per table, right after CreateModel."""

    reversible = True

    def __init__(self, model: str) -> None:
        self.model = model

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The model's state does not change."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        schema_editor.execute(_ENABLE.format(table=self._table(app_label, schema_editor, to_state)), params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        schema_editor.execute(_DISABLE.format(table=self._table(app_label, schema_editor, from_state)), params=None)

    def describe(self) -> str:
        return f"Row-level security for {self.model}"

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [self.model], {}

    def _table(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> str:
        return schema_editor.quote_name(state.apps.get_model(app_label, self.model)._meta.db_table)
