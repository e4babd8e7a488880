"""Which columns hold sealed values: found in the models, so that no rotation forgets one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from psycopg import sql

from .fields import SealedBytesField, SealedTextField


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of a tenant table. `identity` is the column whose value ends the place that its values are bound to."""

    table: str
    column: str
    key: str
    identity: str

    @property
    def names(self) -> dict[str, sql.Identifier]:
        """The names as they go into a statement."""
        return {
            "table": sql.Identifier(self.table),
            "column": sql.Identifier(self.column),
            "key": sql.Identifier(self.key),
            "identity": sql.Identifier(self.identity),
        }

    def place(self, workspace_id: int, identity: object) -> tuple[object, ...]:
        return (self.table, self.column, workspace_id, identity)

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def sealed_columns() -> Iterator[SealedColumn]:
    """Every sealed column of every installed model."""
    for model in apps.get_models():
        meta: Any = model._meta
        key = meta.pk.column
        for field in meta.concrete_fields:
            if isinstance(field, SealedTextField | SealedBytesField):
                identity = key if isinstance(field, SealedTextField) else meta.get_field(field.identity).column
                yield SealedColumn(meta.db_table, str(field.column), key, identity)
