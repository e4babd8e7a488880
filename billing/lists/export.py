"""Lists as CSV: UTF-8, a line of headings, amounts in major units, times in UTC; nothing in it is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.http import QueryDict, StreamingHttpResponse
from django.utils import timezone

from billing.money import Money

from .asked import wanted
from .filters import Filter
from .rows import Listing, Place

# What spreadsheets take for the beginning of a formula, the full-width forms of the signs included.
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")


class _Echo:
    """A file that keeps nothing: what is written to it is what the writer returns."""

    def write(self, text: str) -> str:
        return text


def download(listing: Listing[Any, Any], place: Place, slug: str, query: QueryDict) -> StreamingHttpResponse:
    """The whole of what the query of a URL asks of a list, as a file that is read while it is sent.

    To be answered outside any transaction. `slug` is the workspace's, for the file's name.
    """
    _, filtered = wanted(listing, query)
    name = f"{slug}-{place.mode}-{listing.name}-{timezone.localdate(place.now)}.csv"
    return StreamingHttpResponse(
        csv_lines(listing, place, filtered),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"},
    )


def csv_lines(listing: Listing[Any, Any], place: Place, wanted: Filter) -> Iterator[str]:
    """The whole of a list, in pieces of text. Enters scopes and transactions of its own, so it must run outside any."""
    writer = csv.writer(_Echo())
    yield writer.writerow([column.heading for column in listing.columns])
    for rows in listing.everything(place, wanted):
        yield "".join(_lines(writer, listing, rows))


def _lines(writer: Any, listing: Listing[Any, Any], rows: Iterable[Any]) -> Iterator[str]:
    for row in rows:
        for part in listing.lines(row):
            yield writer.writerow([cell(column.cell(part)) for column in listing.columns])


def cell(value: Any) -> str:
    """A value as a cell. Text that a spreadsheet would run is made text by an apostrophe; numbers stay numbers."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Money():
            return value.plain()
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
