"""What a list can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Record = TypeVar("Record", bound=Model)

_SHOWN_ANYWAY = frozenset({"sort"})


@dataclass(frozen=True)
class Filter:
    """The questions of all lists; each list asks some of them. Empty = not asked.

    `since` (included) and `until` (excluded) are aware; `least` and `most` (included) are minor units of `currency`.
    `customer`, `subscription`, `object_id` and `price` are Stripe's ids. `lines` is "facts" or "changes". `sort` is a
    column of the list, with a minus for descending.
    """

    search: str = ""
    customer: str = ""
    object_id: str = ""
    subscription: str = ""
    status: str = ""
    kind: str = ""
    lines: str = ""
    price: str = ""
    currency: str = ""
    since: datetime | None = None
    until: datetime | None = None
    least: int | None = None
    most: int | None = None
    superseded: bool = False
    sort: str = ""

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return any(getattr(self, f.name) not in ("", None, False) for f in fields(self) if f.name not in _SHOWN_ANYWAY)


def between(records: QuerySet[Record], column: str, since: datetime | None, until: datetime | None) -> QuerySet[Record]:
    """The records whose instant lies from `since` (included) to `until` (excluded)."""
    if since is not None:
        records = records.filter(**{f"{column}__gte": since})
    if until is not None:
        records = records.filter(**{f"{column}__lt": until})
    return records


def within(records: QuerySet[Record], column: str, wanted: Filter) -> QuerySet[Record]:
    """The records in the wanted currency whose amount lies within the wanted bounds."""
    if wanted.currency:
        records = records.filter(currency=wanted.currency)
    bounds = Q()
    if wanted.least is not None:
        bounds &= Q(**{f"{column}__gte": wanted.least})
    if wanted.most is not None:
        bounds &= Q(**{f"{column}__lte": wanted.most})
    return records.filter(bounds)
