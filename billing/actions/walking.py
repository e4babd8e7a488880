"""Going through the customers of a mode in order of their ids, a chunk at a time."""

from __future__ import annotations

from typing import Final

from .bulk import fetch

# Where customers stand, and in which column; each has an index of workspace, mode and that column.
_OWNERS: Final = {
    "billing_subscription": "customer",
    "billing_access": "customer",
    "billing_accessoverride": "customer",
    "billing_movement": "customer",
}
_EVERYBODY: Final = {**_OWNERS, "billing_customer": "stripe_id"}


def _next(sources: dict[str, str]) -> str:
    """Each source has a limit of its own: before version 18 PostgreSQL would read all that is left for every chunk."""
    parts = [
        f"(SELECT DISTINCT {column} AS customer FROM {table} "  # noqa: S608 - our names
        f"WHERE workspace_id = %(ws)s AND mode = %(mode)s AND {column} > %(after)s ORDER BY 1 LIMIT %(chunk)s)"
        for table, column in sources.items()
    ]
    return f"SELECT customer FROM ({' UNION '.join(parts)}) known ORDER BY 1 LIMIT %(chunk)s"  # noqa: S608


NEXT_OWNER: Final = _next(_OWNERS)
NEXT_CUSTOMER: Final = _next(_EVERYBODY)


def next_owners(workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    """Those beyond `after` ("" = the beginning) who have or had anything that derived rows are made of.

    So many at most; fewer: these are the last. One query, whose cost does not grow with the customers. In scope.
    """
    return _fetched(NEXT_OWNER, workspace_id, mode, after, chunk)


def next_customers(workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    """The same, with those who never had anything."""
    return _fetched(NEXT_CUSTOMER, workspace_id, mode, after, chunk)


def _fetched(sql: str, workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    return [row[0] for row in fetch(sql, {"ws": workspace_id, "mode": mode, "after": after, "chunk": chunk})]
