"""No migration keeps anybody from writing while it builds an index on a table that may be large by then."""

from __future__ import annotations

from typing import Final

import pytest
from django.db.migrations import AddConstraint, AddField, AddIndex, AlterField, CreateModel, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import CASCADE, ForeignKey, Index, UniqueConstraint

from pqintel.workspaces.indexes import AddIndexOnline

OURS: Final = ("alerts", "billing", "dunning", "integrations", "vault", "workspaces")
SMALL: Final = {"exchangerate": "One row per day and currency, no matter how many workspaces there are."}
MIGRATIONS: Final = {
    key: migration for key, migration in MigrationLoader(None).disk_migrations.items() if key[0] in OURS
}


def builds_index(operation: Operation) -> str | None:
    """The model an operation builds an index of, where it does."""
    match operation:
        case AddIndex(model_name=name):
            return str(name)
        case AddConstraint(model_name=name, constraint=UniqueConstraint()):
            return str(name)
        case AddField() | AlterField():
            unique = operation.field.unique or operation.field.db_index
            return operation.model_name_lower if unique else None
    return None


def locking(migration: Migration) -> set[str]:
    """Models that were there before, and that are locked while the migration builds an index of theirs."""
    new = {operation.name_lower for operation in migration.operations if isinstance(operation, CreateModel)}
    builders = [operation for operation in migration.operations if not isinstance(operation, AddIndexOnline)]
    return {model.lower() for model in map(builds_index, builders) if model} - new - SMALL.keys()


@pytest.mark.parametrize("key", sorted(MIGRATIONS), ids=".".join)
def test_no_table_in_use_is_locked_for_an_index(key: tuple[str, str]) -> None:
    assert locking(MIGRATIONS[key]) == set()


@pytest.mark.parametrize("key", sorted(MIGRATIONS), ids=".".join)
def test_what_is_built_online_has_migrations_of_its_own(key: tuple[str, str]) -> None:
    online = [isinstance(operation, AddIndexOnline) for operation in MIGRATIONS[key].operations]
    assert MIGRATIONS[key].atomic is not any(online)
    assert all(online) or not any(online)


def test_an_index_of_a_table_that_was_there_before_is_found() -> None:
    index = AddIndex("Invoice", Index(fields=["workspace"], name="some"))
    unique = AddConstraint("payment", UniqueConstraint(fields=["workspace"], name="other"))
    link = AddField("customer", "workspace", ForeignKey("workspaces.Workspace", CASCADE))
    migration = Migration("0099_new", "billing")
    migration.operations = [CreateModel("Payment", []), index, unique, link]
    assert locking(migration) == {"invoice", "customer"}
