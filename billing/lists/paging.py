"""Keyset paging: a page begins beside a row that was seen, so it costs the same however deep it lies.

Rows that are added meanwhile move nothing: walking on shows every row once. Rows are ordered by one column and then by
id; null counts as the smallest value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet

Row = TypeVar("Row")
Record = TypeVar("Record", bound=Model)

PAGE_ROWS: Final = 25

_TOKEN: Final = re.compile(r"(\d{1,19})(?:\.(-?\d{1,19}))?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_BIGINT: Final = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Order:
    """A column to order by, of instants or of whole numbers."""

    field: str
    descending: bool = True
    nullable: bool = False
    instants: bool = True


@dataclass(frozen=True)
class Cursor:
    """The row beside which a page lies: its value in the order's column, and its id. `back`: the page before it."""

    value: datetime | int | None
    row_id: int
    back: bool = False

    @property
    def token(self) -> str:
        """The cursor as text for a URL. Says nothing that the page does not show."""
        if self.value is None:
            return str(self.row_id)
        value = (self.value - _EPOCH) // _TICK if isinstance(self.value, datetime) else self.value
        return f"{self.row_id}.{value}"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and where the pages beside them begin (None: there is none)."""

    rows: Sequence[Row]
    after: Cursor | None = None
    before: Cursor | None = None


def cursor(token: str, order: Order, *, back: bool) -> Cursor | None:
    """The cursor that a URL names; None for one that no page of ours has made."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[1]) not in _BIGINT:
        return None
    if match[2] is None:
        return Cursor(None, int(match[1]), back) if order.nullable else None
    value = int(match[2])
    if value not in _BIGINT:
        return None
    if not order.instants:
        return Cursor(value, int(match[1]), back)
    try:
        return Cursor(_EPOCH + value * _TICK, int(match[1]), back)
    except OverflowError:
        return None


def page_of(records: QuerySet[Record], order: Order, at: Cursor | None = None, size: int = PAGE_ROWS) -> Page[Record]:
    """One page of `records`. One query; a second one where a nullable column's values end within the page."""
    back = at is not None and at.back
    down = order.descending != back
    found: list[Record] = []
    for part in _parts(records, order, at, down):
        found += part[: size + 1 - len(found)]
        if len(found) > size:
            break
    more = len(found) > size
    found = found[:size]
    if back:
        found.reverse()
    if not found:
        return Page(found)
    first, last = (Cursor(getattr(row, order.field), row.pk) for row in (found[0], found[-1]))
    return Page(
        found,
        after=last if more or back else None,
        before=Cursor(first.value, first.row_id, back=True) if (more if back else at is not None) else None,
    )


def _parts(records: QuerySet[Record], order: Order, at: Cursor | None, down: bool) -> list[QuerySet[Record]]:
    """The records beyond the cursor, in at most two parts: those with a value and those without, each a range of the
    index of its own."""
    name = order.field
    if not order.nullable:
        return [_ordered(records if at is None else records.filter(_beyond(name, at, down)), name, down)]
    filled, empty = records.filter(**{f"{name}__isnull": False}), records.filter(**{f"{name}__isnull": True})
    if at is not None and at.value is None:
        empty = empty.filter(_beside(at, down))
        parts = [empty] if down else [empty, filled]
    elif at is not None:
        filled = filled.filter(_beyond(name, at, down))
        parts = [filled, empty] if down else [filled]
    else:
        parts = [filled, empty] if down else [empty, filled]
    return [_ordered(part, name, down, nullable=True) for part in parts]


def _ordered(records: QuerySet[Record], name: str, down: bool, *, nullable: bool = False) -> QuerySet[Record]:
    if not nullable:
        return records.order_by(f"-{name}" if down else name, "-id" if down else "id")
    by: Any = F(name).desc(nulls_last=True) if down else F(name).asc(nulls_first=True)
    return records.order_by(by, "-id" if down else "id")


def _beyond(name: str, at: Cursor, down: bool) -> Q:
    """A bound that an index can begin at, then what is left to tell apart within equal values."""
    bound = Q(**{f"{name}__{'lte' if down else 'gte'}": at.value})
    return bound & (Q(**{f"{name}__{'lt' if down else 'gt'}": at.value}) | _beside(at, down))


def _beside(at: Cursor, down: bool) -> Q:
    return Q(id__lt=at.row_id) if down else Q(id__gt=at.row_id)
