"""The events of the last 30 days, oldest first, although Stripe lists them newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, cast

from integrations.stripe.client import Json, NotFound, RequestRefused, StripeReader
from integrations.stripe.kinds import Kind
from integrations.stripe.pages import MOST, pages

KEPT: Final = timedelta(days=30, hours=1)
"""A little more than Stripe keeps events for."""
FIRST_WIDTH: Final = 4 * 3600
"""Seconds after the oldest possible event within which the oldest is looked for first."""


def events_oldest_first(reader: StripeReader, after: str) -> Iterator[tuple[list[Json], str]]:
    """Pages of events in order of happening, each with the place where the list goes on; '' at its end.

    Args:
        after: where to go on: the id of the last event that was given; empty for the beginning.

    Raises:
        ReadFailed: Stripe does not give a page. What was given stands.
    """
    while True:
        if not after:
            page = _the_oldest(reader)
            more = bool(page)
        else:
            try:
                answer = reader.ask(Kind.EVENT.path, limit=MOST, ending_before=after).json
            except (NotFound, RequestRefused):
                after = ""  # it has left the 30 days meanwhile: the list begins later now
                continue
            page, more = answer["data"][::-1], bool(answer["has_more"])
        after = page[-1]["id"] if page and more else ""
        yield page, after
        if not after:
            return


def _the_oldest(reader: StripeReader) -> list[Json]:
    """The oldest events, at most a page of them, oldest first; of a second with more than a page, all.

    A search by halves for a time before which there are some and no more than fit on a page, from the far end: about
    five questions where there are always events, and some more where there are few.
    """
    newest = reader.ask(Kind.EVENT.path, limit=1)
    if not newest.json["data"]:
        return []
    last = int(newest.json["data"][0]["created"])
    nothing = min(int((newest.asked_at - KEPT).timestamp()), last - 1)
    some, width = last, FIRST_WIDTH
    while some - nothing > 1:
        until = min(nothing + width, (nothing + some) // 2)
        answer = reader.ask(Kind.EVENT.path, limit=MOST, created={"lte": until}).json
        if not answer["data"]:
            nothing, width = until, 2 * width
        elif answer["has_more"]:
            some = int(answer["data"][-1]["created"])
        else:
            return cast("list[Json]", answer["data"][::-1])
    found = [event for answer in pages(reader, Kind.EVENT, created={"lte": some}) for event in answer.json["data"]]
    return found[::-1]
