"""Sealing everything anew under the active key: in small transactions, in any order, as often as one likes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from psycopg import sql

from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

from .cipher import SealError, ring
from .columns import SealedColumn, sealed_columns

BATCH: Final = 50
"""Rows of one transaction. Bodies of events are up to 2 MiB each."""

PASSES: Final = 20
PAUSE_SECONDS: Final = 0.25

# Whoever holds a row's lock is about to change it: the row is passed over, and met again in the next pass.
_STALE: Final = sql.SQL("""
SELECT {key}, {identity}, {column} FROM {table}
WHERE workspace_id = %(workspace)s AND substring({column} FROM 1 FOR length(%(head)s::bytea)) <> %(head)s::bytea
""")
_AFTER: Final = sql.SQL("AND {key} > %(after)s ")
_NEXT: Final = sql.SQL("ORDER BY {key} LIMIT %(limit)s FOR UPDATE SKIP LOCKED")
_WRITE: Final = sql.SQL("UPDATE {table} SET {column} = %s WHERE workspace_id = %s AND {key} = %s")


@dataclass(slots=True)
class Tally:
    """What a run did. `unreadable`: key missing, or not at its place; `busy`: locked by others in every pass."""

    resealed: int = 0
    unreadable: int = 0
    busy: int = 0

    def add(self, other: Tally) -> None:
        self.resealed += other.resealed
        self.unreadable += other.unreadable
        self.busy += other.busy

    @property
    def left(self) -> int:
        """Values that still lie under another key."""
        return self.unreadable + self.busy

    def as_dict(self) -> dict[str, int]:
        return {"resealed": self.resealed, "unreadable": self.unreadable, "busy": self.busy}

    def __str__(self) -> str:
        return f"{self.resealed} resealed, {self.unreadable} unreadable, {self.busy} busy"


def rewrap(batch: int = BATCH) -> Iterator[tuple[Workspace, Tally]]:
    """Seal every value that lies under another key anew, workspace by workspace.

    Each batch is committed, so a run that was killed is continued by the next one. Values that cannot be opened are
    counted and left as they are. Yields each workspace when it is done. Must not run inside a transaction.
    """
    columns = list(sealed_columns())
    for workspace in list(Workspace.objects.order_by("pk")):
        tally = Tally()
        for column in columns:
            tally.add(_rewrap_column(workspace.pk, column, batch))
        yield workspace, tally


def _rewrap_column(workspace_id: int, column: SealedColumn, batch: int) -> Tally:
    tally = Tally()
    for round_ in range(PASSES):
        if round_:
            time.sleep(PAUSE_SECONDS)
        unreadable = _one_pass(workspace_id, column, batch, tally)
        left = _count_stale(workspace_id, column)
        tally.unreadable, tally.busy = unreadable, max(left - unreadable, 0)
        if not tally.busy:
            break
    return tally


def _one_pass(workspace_id: int, column: SealedColumn, batch: int, tally: Tally) -> int:
    """Go once through the stale rows that nobody holds; returns how many could not be opened."""
    unreadable, after = 0, None
    while True:
        with scoped_transaction(workspace_id), connection.cursor() as cursor:
            rows = _stale(cursor, workspace_id, column, batch, after)
            for key, identity, sealed in rows:
                place = column.place(workspace_id, identity)
                try:
                    fresh = ring().seal(ring().unseal(bytes(sealed), *place), *place)
                except SealError:
                    unreadable += 1
                    continue
                cursor.execute(_WRITE.format(**column.names), (fresh, workspace_id, key))
                tally.resealed += 1
        if not rows:
            return unreadable
        after = rows[-1][0]


def _stale(cursor: Any, workspace_id: int, column: SealedColumn, limit: int, after: Any) -> list[tuple[Any, Any, Any]]:
    parts = (_STALE, _AFTER, _NEXT) if after is not None else (_STALE, _NEXT)
    statement = sql.Composed([part.format(**column.names) for part in parts])
    values = {"workspace": workspace_id, "head": ring().head, "limit": limit, "after": after}
    cursor.execute(statement, values)
    return list(cursor.fetchall())


def _count_stale(workspace_id: int, column: SealedColumn) -> int:
    statement = sql.SQL("SELECT count(*) FROM ({}) stale").format(_STALE.format(**column.names))
    with scoped_transaction(workspace_id), connection.cursor() as cursor:
        cursor.execute(statement, {"workspace": workspace_id, "head": ring().head})
        return int(cursor.fetchone()[0])
