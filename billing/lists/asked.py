"""From the query of a URL to what a list's page shows: rows, what was not understood, and where its links lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict

from billing.names import customer_labels

from .filters import Filter
from .forms import FilterForm, refused
from .paging import Cursor, Page, cursor
from .rows import Listing, Place

AFTER, BEFORE = "after", "before"
_PLACES = (AFTER, BEFORE)


@dataclass(frozen=True)
class Sort:
    """The link in a column's heading, and how the column is sorted now ("" = it is not)."""

    url: str
    direction: Literal["", "ascending", "descending"]


@dataclass(frozen=True)
class Asked:
    """A list as a page shows it. URLs are relative to the page; None where there is nothing to go to.

    `notices` say what of the query was left out and why. `customer_label` names the one customer it is narrowed to.
    """

    name: str
    title: str
    form: FilterForm
    wanted: Filter
    rows: Sequence[Any]
    notices: tuple[str, ...]
    sorts: dict[str, Sort]
    customer_label: str
    next_url: str | None
    previous_url: str | None
    first_url: str | None
    all_customers_url: str
    export_query: str

    @property
    def narrowed(self) -> bool:
        """Whether less than everything was asked for."""
        return self.wanted.narrows


def wanted(listing: Listing[Any, Any], query: QueryDict) -> tuple[FilterForm, Filter]:
    """What the query of a URL asks of a list, as far as it is understood. The time zone must be active."""
    form = listing.form(query)
    return form, form.filter()


def ask(listing: Listing[Any, Any], place: Place, query: QueryDict) -> Asked:
    """One page of a list. Nothing in a query is an error: what is not understood is left out and told."""
    form, filtered = wanted(listing, query)
    form.offer(**listing.choices(place))
    notices = [f"{label} is left out. {why}" for label, why in refused(form)]
    if filtered.sort and filtered.sort.removeprefix("-") not in listing.orders:
        notices.append("Sorting is left out. This list cannot be sorted by that.")
    at = _place_in(listing, filtered, query)
    if at is None and any(query.get(name) for name in _PLACES):
        notices.append("That place in the list does not exist. This is its beginning.")
    page = listing.page(place, filtered, at)
    labels = customer_labels(place.workspace_id, place.mode, [filtered.customer]) if filtered.customer else {}
    return Asked(
        name=listing.name,
        title=listing.title,
        form=form,
        wanted=filtered,
        rows=page.rows,
        notices=tuple(notices),
        sorts={name: _sort(listing, filtered, query, name) for name in listing.orders},
        customer_label=labels.get(filtered.customer, filtered.customer),
        next_url=_beside(query, page, AFTER),
        previous_url=_beside(query, page, BEFORE),
        first_url=_query(query) if at is not None else None,
        all_customers_url=_query(query, customer=None),
        export_query=_query(query),
    )


def _place_in(listing: Listing[Any, Any], filtered: Filter, query: QueryDict) -> Cursor | None:
    name = next((name for name in _PLACES if query.get(name)), None)
    return cursor(str(query.get(name)), listing.order(filtered.sort), back=name == BEFORE) if name else None


def _beside(query: QueryDict, page: Page[Any], name: str) -> str | None:
    at = page.after if name == AFTER else page.before
    return None if at is None else _query(query, **{name: at.token})


def _sort(listing: Listing[Any, Any], filtered: Filter, query: QueryDict, name: str) -> Sort:
    order = listing.order(filtered.sort)
    if listing.orders[name].field != order.field:
        return Sort(_query(query, sort=f"-{name}"), "")
    turned = name if order.descending else f"-{name}"
    return Sort(_query(query, sort=turned), "descending" if order.descending else "ascending")


def _query(query: QueryDict, **changes: str | None) -> str:
    """The same query from its beginning, with some parameters set or (None) left out; empty ones are dropped."""
    changed = query.copy()
    for name in _PLACES:
        changed.pop(name, None)
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    for name in [name for name in changed if not changed.get(name)]:
        del changed[name]
    return f"?{changed.urlencode()}"
