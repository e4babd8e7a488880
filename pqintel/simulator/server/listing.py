"""Pages of a list, by cursor, newest first."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pqintel.simulator.render.shape import Json
from pqintel.simulator.server.params import Params
from pqintel.simulator.server.refusals import bad_request, missing_resource

Row = TypeVar("Row")


def page(rows: Sequence[Row], params: Params, noun: str, identity: Callable[[Row], str]) -> tuple[list[Row], bool]:
    """Return the rows of one page, and whether more lie beyond it in the direction of travel.

    Args:
        rows: everything that matches, newest first.
        params: `limit` (1–100, 10 unless given), `starting_after` or `ending_before`.
        noun: the word in "No such …" for a cursor that is not in the list.
        identity: gives a row's id.

    Raises:
        Refusal: 400 for a bad limit or two cursors, 404 for an unknown cursor.
    """
    limit = params.number("limit")
    limit = 10 if limit is None else limit
    if not 1 <= limit <= 100:
        raise bad_request("This value must be between 1 and 100 (inclusive).", "limit", "parameter_invalid_integer")
    after, before = params.one("starting_after"), params.one("ending_before")
    if after is not None and before is not None:
        raise bad_request("You may only specify one of these parameters: starting_after, ending_before.")
    if before is not None:
        end = _position(rows, before, noun, identity, "ending_before")
        start = max(0, end - limit)
        return list(rows[start:end]), start > 0
    start = 0 if after is None else _position(rows, after, noun, identity, "starting_after") + 1
    return list(rows[start : start + limit]), start + limit < len(rows)


def listed(data: list[Json], has_more: bool, url: str) -> Json:
    """Return the list object of an answer."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _position(rows: Sequence[Row], cursor: str, noun: str, identity: Callable[[Row], str], param: str) -> int:
    for position, row in enumerate(rows):
        if identity(row) == cursor:
            return position
    raise missing_resource(noun, cursor, param)
