"""What several objects' pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from billing.lists.filters import Filter
from billing.lists.rows import Listing, Place

Row = TypeVar("Row")

ROWS: Final = 10
"""Rows of each list on an object's page; the list itself has all of them."""
LINES: Final = 25
"""Lines of history on an object's page."""


@dataclass(frozen=True)
class Some(Generic[Row]):
    """The newest rows of a list, and whether there are more."""

    rows: Sequence[Row]
    more: bool


def newest(listing: Listing[Any, Row], place: Place, wanted: Filter, size: int = ROWS) -> Some[Row]:
    """The first rows of a list in its usual order. Must run in scope."""
    page = listing.page(place, wanted, size=size)
    return Some(page.rows, page.after is not None)
