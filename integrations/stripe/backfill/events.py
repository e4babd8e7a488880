"""The events of the last 30 days, oldest first, although Stripe lists them newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from integrations.stripe.client import Json, NotFound, RequestRefused, StripeReader
from integrations.stripe.kinds import Kind
from integrations.stripe.pages import MOST, pages

KEPT: Final = timedelta(days=30, hours=1)
"""A little more than Stripe keeps events for."""


def events_oldest_first(reader: StripeReader, after: str) -> Iterator[tuple[list[Json], str]]:
    """Pages of events in order of happening, each with the place where the list goes on; '' at its end.

    Args:
        after: where to go on: the id of the last event that was given; empty for the beginning.

    Raises:
        ReadFailed: Stripe does not give a page. What was given stands.
    """
    while True:
        if not after:
            page = _of_the_oldest_second(reader)
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


def _of_the_oldest_second(reader: StripeReader) -> list[Json]:
    """The events of the first second that has any, oldest first. About twenty questions: a search by halves."""
    newest = reader.ask(Kind.EVENT.path, limit=1)
    if not newest.json["data"]:
        return []
    last = int(newest.json["data"][0]["created"])
    nothing = min(int((newest.asked_at - KEPT).timestamp()), last - 1)
    while last - nothing > 1:
        middle = (nothing + last) // 2
        found = reader.ask(Kind.EVENT.path, limit=1, created={"lte": middle}).json["data"]
        if found:
            last = int(found[0]["created"])
        else:
            nothing = middle
    found = [event for answer in pages(reader, Kind.EVENT, created={"lte": last}) for event in answer.json["data"]]
    return found[::-1]
