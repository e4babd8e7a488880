"""Whole lists of Stripe's API, page by page: patient with rate limits, untouched by what changes meanwhile, resumable.

Lists come newest first. What is created while somebody pages lies before the first page and moves nothing, because the
cursor is an object and not a number.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .client import Answer, Json, NotFound, RateLimited, RequestRefused, StripeReader, Unreachable
from .kinds import Kind

PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before a page is asked for again, after the reader's own repetitions: 429, 5xx, no answer."""
PAGES_PER_SECOND: Final = 20.0
"""Stripe allows 25 requests a second for one endpoint, and in a sandbox for the whole account."""
MOST: Final = 100
"""Objects on a page; Stripe gives no more."""


def pages(
    reader: StripeReader, kind: Kind, *, after: str = "", pauses: Sequence[float] | None = None, **filters: Any
) -> Iterator[Answer]:
    """The pages of a list, newest first, at least one; each answer's `json["data"]` holds up to 100 objects.

    An object may come twice (a list that is resumed, a cursor that was deleted meanwhile), and none is left out that
    was there from beginning to end.

    Args:
        reader: of the account.
        kind: what is listed.
        after: where to go on, from `place_after`; empty for the beginning.
        pauses: seconds to wait between tries of a page that Stripe does not give; then the failure is raised. PAUSES
            where not given.
        filters: in the API's own names, e.g. `created={"gte": 1767225600}`, `status="all"`, `expand=["data.tiers"]`.

    Raises:
        ReadFailed: Stripe does not give a page. What was yielded stands; go on from its `place_after`.
    """
    place, not_before = after, 0.0
    pauses = PAUSES if pauses is None else pauses
    while True:
        if not reader.paced:
            time.sleep(max(0.0, not_before - time.monotonic()))
            not_before = time.monotonic() + 1 / PAGES_PER_SECOND
        answer = _patiently(reader, kind, place, pauses, filters)
        yield answer
        if not answer.json.get("has_more") or not answer.json["data"]:
            return
        place = place_after(answer)


def place_after(answer: Answer) -> str:
    """Where a list goes on after this page, as a text to keep. Of an empty page: the beginning."""
    entries = answer.json["data"]
    return f"{entries[-1]['id']}@{entries[-1]['created']}" if entries else ""


def _patiently(reader: StripeReader, kind: Kind, place: str, pauses: Sequence[float], filters: Json) -> Answer:
    for pause in pauses:
        try:
            return _page(reader, kind, place, filters)
        except (RateLimited, Unreachable):
            time.sleep(pause)
    return _page(reader, kind, place, filters)


def _page(reader: StripeReader, kind: Kind, place: str, filters: Json) -> Answer:
    cursor, _, created = place.rpartition("@")
    if not cursor:
        return _checked(reader.ask(kind.path, limit=MOST, **filters), cursor)
    try:
        return _checked(reader.ask(kind.path, limit=MOST, starting_after=cursor, **filters), cursor)
    except (NotFound, RequestRefused):
        # The cursor's object is gone. The list from its second on overlaps with what was read, and skips nothing.
        until = {**filters.get("created", {}), "lte": int(created)}
        return _checked(reader.ask(kind.path, limit=MOST, **{**filters, "created": until}), cursor)


def _checked(answer: Answer, cursor: str) -> Answer:
    """The answer, if it is a page and leads on. Raises Unreachable: the same page again would never end."""
    entries = answer.json.get("data")
    if not isinstance(entries, list):
        raise Unreachable("Stripe's answer is not a list.")
    if entries and answer.json.get("has_more") and entries[-1]["id"] == cursor:
        raise Unreachable("Stripe gave the same page again.")
    return answer
