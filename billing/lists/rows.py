"""What a list is made of, and how all of it is read in pieces for an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from django.db.models import Model, QuerySet

from billing.models.base import BillingModel
from billing.modes import Mode
from pqintel.workspaces.tenancy import scoped_transaction

from .filters import Filter
from .forms import Choices, FilterForm
from .paging import PAGE_ROWS, Cursor, Order, Page, page_of

Record = TypeVar("Record", bound=Model)
Row = TypeVar("Row")
Kept = TypeVar("Kept", bound=BillingModel)

EXPORT_ROWS: Final = 1000
"""Rows that an export reads in one transaction."""


@dataclass(frozen=True)
class Place:
    """Whose rows are meant: one workspace in one mode, as of `now` (aware)."""

    workspace_id: int
    mode: Mode
    now: datetime

    def all(self, model: type[Kept]) -> QuerySet[Kept]:
        """Every row of a table that lies here. To be read in the workspace's scope."""
        return model._default_manager.filter(workspace_id=self.workspace_id, mode=self.mode)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of an export: its heading, and the cell of a row (text, number, instant, Money, bool or None)."""

    heading: str
    cell: Callable[[Row], Any]


@dataclass(frozen=True)
class Listing(Generic[Record, Row]):
    """One list: what can be asked of it, which records answer, and what they look like as rows.

    `orders` are the columns to sort by, by their names in `?sort=`; the first one, descending, is the default.
    `rows` makes the rows of one page, in as many queries for many records as for one. `lines` parts a row into lines of
    an export, where it holds amounts of several currencies.
    """

    name: str
    title: str
    form: type[FilterForm]
    orders: Mapping[str, Order]
    records: Callable[[Place, Filter], QuerySet[Record]]
    rows: Callable[[Place, Sequence[Record]], list[Row]]
    columns: tuple[Column[Row], ...]
    choices: Callable[[Place], dict[str, Choices]] = lambda place: {}
    lines: Callable[[Row], Iterable[Row]] = lambda row: (row,)

    def order(self, sort: str) -> Order:
        """The order that `?sort=` names: a column, with a minus for descending; the default for anything else."""
        name = sort.removeprefix("-")
        if name not in self.orders:
            return next(iter(self.orders.values()))
        return replace(self.orders[name], descending=sort.startswith("-"))

    def page(self, place: Place, wanted: Filter, at: Cursor | None = None, size: int = PAGE_ROWS) -> Page[Row]:
        """One page of what is wanted. Must run in scope."""
        found = page_of(self.records(place, wanted), self.order(wanted.sort), at, size)
        return Page(self.rows(place, found.rows) if found.rows else [], found.after, found.before)

    def everything(self, place: Place, wanted: Filter) -> Iterator[Sequence[Row]]:
        """All that is wanted, in pieces; each is read in a scope and a short transaction of its own, so that an export
        of any length holds nothing up. What changes meanwhile is read as it then is; no row comes twice."""
        at: Cursor | None = None
        while True:
            with scoped_transaction(place.workspace_id):
                page = self.page(place, wanted, at, EXPORT_ROWS)
            yield page.rows
            if page.after is None:
                return
            at = page.after
