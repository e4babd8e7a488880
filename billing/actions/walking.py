"""Going through the customers of a mode in order of their ids, a chunk at a time."""

from __future__ import annotations

from typing import Final

from billing.failures import FAILURE_FACTS

from .bulk import fetch

# Where customers stand: table, column, condition; each has an index of workspace, mode and that column.
_OWNERS: Final = tuple(
    (table, "customer", "true")
    for table in ("billing_subscription", "billing_access", "billing_accessoverride", "billing_movement")
)
_KINDS: Final = ", ".join(f"'{kind}'" for kind in FAILURE_FACTS)  # spelt out: the indexes are partial on them
_TOLD: Final = f"kind IN ({_KINDS}) AND NOT is_change"
_FAILING: Final = (
    ("billing_failure", "customer", "true"),
    ("billing_historyentry", "customer", _TOLD),
    ("billing_historyentry", "object_id", f"{_TOLD} AND customer IS NULL"),
)
_KNOWN: Final = (("billing_customer", "stripe_id", "true"),)


def _next(*sources: tuple[str, str, str]) -> str:
    """Each source has a limit of its own: before version 18 PostgreSQL would read all that is left for every chunk."""
    parts = [
        f"(SELECT DISTINCT {column} AS customer FROM {table} "  # noqa: S608 - our names
        f"WHERE workspace_id = %(ws)s AND mode = %(mode)s AND {column} > %(after)s AND {condition} "
        f"ORDER BY 1 LIMIT %(chunk)s)"
        for table, column, condition in sources
    ]
    return f"SELECT customer FROM ({' UNION '.join(parts)}) known ORDER BY 1 LIMIT %(chunk)s"  # noqa: S608


NEXT_OWNER: Final = _next(*_OWNERS)
NEXT_DERIVED: Final = _next(*_OWNERS, *_FAILING)
NEXT_CUSTOMER: Final = _next(*_OWNERS, *_FAILING, *_KNOWN)


def next_owners(workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    """Those beyond `after` ("" = the beginning) who have or had anything that access is made of.

    So many at most; fewer: these are the last. One query, whose cost does not grow with the customers. In scope.
    """
    return _fetched(NEXT_OWNER, workspace_id, mode, after, chunk)


def next_derived(workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    """The same of anything that derived rows are made of, with those who failed to pay once.

    Who fails to pay as a guest has no id: the invoice or payment stands for them.
    """
    return _fetched(NEXT_DERIVED, workspace_id, mode, after, chunk)


def next_customers(workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    """All of these, with those who never had anything."""
    return _fetched(NEXT_CUSTOMER, workspace_id, mode, after, chunk)


def _fetched(sql: str, workspace_id: int, mode: str, after: str, chunk: int) -> list[str]:
    return [row[0] for row in fetch(sql, {"ws": workspace_id, "mode": mode, "after": after, "chunk": chunk})]
