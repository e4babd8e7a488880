"""Indexes on tables that are in use, as a migration operation: built beside the work that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

_IS_WHOLE: Final = """
SELECT i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname = %s AND pg_table_is_visible(c.oid)
"""


class AddIndexOnline(AddIndexConcurrently):
    """Add an index to a table that may be large by now, without keeping anybody from writing to it meanwhile.

    In migrations of their own with `atomic = False`, which hold nothing else. Safe to run again after a failure: an
    index that PostgreSQL left behind invalid is dropped and built anew, one that is whole is kept as it is. Takes as
    long as it takes: `statement_timeout` does not hold for it.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._ensure_not_in_transaction(schema_editor)
        with _unhurried(schema_editor):
            found = None if schema_editor.collect_sql else _is_whole(schema_editor, self.index.name)
            if found:
                return
            if found is not None:  # invalid: its build was cut short
                name = schema_editor.quote_name(self.index.name)
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", params=None)
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with _unhurried(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


def _is_whole(schema_editor: BaseDatabaseSchemaEditor, name: str) -> bool | None:
    """Whether there is an index of that name that queries may use; None: there is none."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_IS_WHOLE, (name,))
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


@contextmanager
def _unhurried(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    schema_editor.execute("SET statement_timeout = 0", params=None)
    try:
        yield
    finally:
        schema_editor.execute("RESET statement_timeout", params=None)
