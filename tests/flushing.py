"""Emptying the test database quickly after tests that really commit.

Django truncates every table, which costs PostgreSQL some files per table and index, and then makes content types and
permissions anew. Most tests fill a handful of tables: those are emptied by DELETE, and what migrations put there stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.commands import flush
from django.db import connection

KEPT = frozenset({"django_content_type", "auth_permission"})
_FUNCTION = """
CREATE OR REPLACE FUNCTION empty_tables(names text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOREACH name IN ARRAY names LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
END
$$;
"""


def install() -> None:
    """Let Django flush this way where the owner is a superuser, as the embedded server's is; else leave it alone."""
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        row = cursor.fetchone()
        if not (row and row[0]):
            return
        cursor.execute(_FUNCTION)
    # Of the class: while a browser runs, tests have another connection than before.
    operations: Any = type(connection.ops)
    operations.sql_flush = _sql_flush
    flush.emit_post_migrate_signal = _nothing  # what it would make again was not deleted


def _sql_flush(_: Any, style: Any, tables: Iterable[str], **__: Any) -> list[str]:
    names = ", ".join(f"'{table}'" for table in tables if table not in KEPT)
    return [f"SELECT empty_tables(ARRAY[{names}])"]


def _nothing(*_: Any, **__: Any) -> None:
    """Stands for the signal that is not needed."""
