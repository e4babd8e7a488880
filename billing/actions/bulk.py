"""Set-based SQL: many rows in one statement, handed over as one JSON document.

COPY FROM is refused under row-level security, and Django's bulk_create sends a parameter per cell; one JSON parameter
is faster than both ways of writing it out, and typed by the target columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection


@dataclass(frozen=True)
class Column:
    """A column: its name in the document, its SQL type there, and how it is written (`{}` = the document's value)."""

    name: str
    type: str = "text"
    write: str = "{}"

    @property
    def value(self) -> str:
        return self.write.format(f'r."{self.name}"')


def text(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def typed(sql_type: str, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, sql_type) for name in names)


def instants(*names: str) -> tuple[Column, ...]:
    """Unix seconds in the document, timestamptz in the table."""
    return tuple(Column(name, "double precision", "to_timestamp({})") for name in names)


@dataclass(frozen=True)
class Table:
    """A table of one workspace and mode, written by upsert on `key`.

    `guard` is a condition on `t` (the row there) and `excluded` (the new one) under which the new one wins; an empty
    `key` means plain inserts that skip rows which exist.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("stripe_id",)
    guard: str = ""
    keep: bool = False

    @cached_property
    def statement(self) -> str:
        names = ", ".join(f'"{c.name}"' for c in self.columns)
        values = ", ".join(c.value for c in self.columns)
        shape = ", ".join(f'"{c.name}" {c.type}' for c in self.columns)
        if self.keep:
            conflict = "DO NOTHING"
        else:
            key = ", ".join(f'"{k}"' for k in self.key)
            sets = ", ".join(f'"{c.name}" = excluded."{c.name}"' for c in self.columns if c.name not in self.key)
            where = f" WHERE {self.guard}" if self.guard else ""
            conflict = f"(workspace_id, mode, {key}) DO UPDATE SET {sets}{where}"
        return (
            f"INSERT INTO {self.name} AS t (workspace_id, mode, {names}) "  # noqa: S608 - all names are our own
            f"SELECT %s, %s, {values} FROM jsonb_to_recordset(%s::jsonb) AS r({shape}) ON CONFLICT {conflict}"
        )

    def write(self, workspace_id: int, mode: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or update the rows; JSON values only. Does nothing when there are none."""
        if rows:
            run(self.statement, self.parameters(workspace_id, mode, rows))

    def parameters(self, workspace_id: int, mode: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
        """The parameters of `statement`."""
        return (workspace_id, str(mode), json.dumps(rows))


Write = tuple[Table, Sequence[Mapping[str, Any]]]


def write_together(workspace_id: int, mode: str, writes: Sequence[Write], *, telling: Write | None = None) -> set[str]:
    """Upsert into several tables in one statement, so in one round trip. None where there is nothing to write.

    Returns:
        The Stripe ids of the rows of `telling` that were inserted or updated.
    """
    some = [(table, rows) for table, rows in writes if rows]
    told = telling is not None and bool(telling[1])
    parts = [f"w{number} AS ({table.statement})" for number, (table, _) in enumerate(some)]
    params = [param for table, rows in some for param in table.parameters(workspace_id, mode, rows)]
    if telling is not None and told:
        parts.append(f"told AS ({telling[0].statement} RETURNING stripe_id)")
        params += telling[0].parameters(workspace_id, mode, telling[1])
    if not parts:
        return set()
    answer = "SELECT stripe_id FROM told" if told else "SELECT NULL WHERE false"
    return {row[0] for row in fetch(f"WITH {', '.join(parts)} {answer}", params)}


def fetch(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def run(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def unique(values: Iterable[str | None]) -> list[str]:
    """The values without None and repeats, sorted: every batch touches rows in the same order, so none deadlocks."""
    return sorted({value for value in values if value is not None})
