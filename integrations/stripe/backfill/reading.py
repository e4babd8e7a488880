"""One visit to a run: pages from Stripe into the inbox, until the time is over or enough lies ahead of the drain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction

from billing.actions.bulk import fetch
from integrations.models import Backfill, Connection
from integrations.stripe import intake
from integrations.stripe.client import (
    Json,
    KeyRefused,
    PermissionMissing,
    RateLimited,
    ReadFailed,
    StripeReader,
    Unreachable,
)
from integrations.stripe.kinds import Kind
from integrations.stripe.pace import Pace
from integrations.stripe.pages import pages, place_after
from integrations.stripe.translate.handlers import EVENTS
from integrations.stripe.whole import complete
from pqintel.vault import Secret

from . import stages
from .events import events_oldest_first
from .row import MOST_TRIES, Overtaken, fail, move, next_stage, now, put_off, reach, wait

PAGES_AHEAD: Final = 16
"""Pages that may wait for the drain: what is read further ahead would only lie there."""
WAITING_MOST: Final = 2_000
"""Events of any sort that may wait before the backfill lets the drain go first."""
PER_SECOND: Final = 20
"""Questions a second. Stripe allows 25 for one endpoint, and in a sandbox for the whole account."""
PACES: Final = 1_000
"""Of how many connections this process remembers what it asked within the last second."""
FIRST_DELAY: Final = 0.5
"""Seconds until a question is repeated for the first time; after three repetitions the run waits (`row.wait`)."""

_CROWD = """
SELECT count(*), count(*) FILTER (WHERE starts_with(event_id, %s)) FROM (
    SELECT event_id FROM integrations_inboxevent
    WHERE workspace_id = %s AND connection_id = %s AND state = 'pending' ORDER BY id LIMIT %s
) waiting
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit did: `stored` pages or events are new in the inbox (ring for the lane if any), and `more` says that
    it could go on at once.
    """

    stored: int = 0
    more: bool = False


class Reading:
    """One visit to one run."""

    def __init__(self, connection: Connection, run: Backfill, until: float) -> None:
        self.connection, self.run, self.until = connection, run, until
        self.stored = 0
        self.bare: set[str] = set()  # stages whose expansions the key may not read

    def go_on(self, key: Secret) -> Visit:
        """Read until the time is over, the run ends or waits, or enough lies ahead of the drain."""
        more = True
        pace = _pace(self.connection, self.run)
        with StripeReader(key, first_delay=FIRST_DELAY, pace=pace) as reader:
            while more and self.run.finished_at is None and time.monotonic() < self.until:
                try:
                    more = self._read_on(reader)
                except Overtaken:
                    more = False
        return Visit(self.stored, more and self.run.finished_at is None)

    def _read_on(self, reader: StripeReader) -> bool:
        try:
            return self._read_stage(reader)
        except ReadFailed as failure:
            return self._take(failure)

    def _read_stage(self, reader: StripeReader) -> bool:
        """Read the run's stage; whether the visit may go on with it or the next one."""
        if self._crowded():
            return False
        stage = stages.BY_NAME[self.run.stage]
        filters = {k: v for k, v in stage.filters.items() if k != "expand" or stage.name not in self.bare}
        for objects, events, place in _pages(self.connection, reader, stage.kind, filters, self.run.place):
            self._store(objects, events, place)
            if not place or time.monotonic() >= self.until:
                return True
            if self._crowded():
                return False
        return True

    def _crowded(self) -> bool:
        """Whether the drain has enough to do."""
        place = (intake.PAGE_PREFIX, self.connection.workspace_id, self.connection.pk, WAITING_MOST)
        with transaction.atomic():
            ((waiting, ahead),) = fetch(_CROWD, place)
        return bool(waiting >= WAITING_MOST or ahead >= PAGES_AHEAD)

    def _store(self, objects: Sequence[Json], events: Sequence[Json], place: str) -> None:
        """A page into the inbox and the run moved on, in one transaction: what is counted is there, and once."""
        run, at, before = self.run, now(), (self.run.stage, self.run.place)
        run.counts = {**run.counts, run.stage: run.counts.get(run.stage, 0) + len(objects)}
        run.pages, run.place = run.pages + 1, place
        reach(run, objects)
        run.tries, run.waits_until, run.waits_for, run.stepped_at = 0, None, "", at
        if not place:
            next_stage(run, at)
        with transaction.atomic():
            move(run, *before)
            new = intake.put(self.connection, events, recovered=before[0] == Kind.EVENT)
        self.stored += len(new)

    def _take(self, failure: ReadFailed) -> bool:
        """What follows from a failure; whether the visit may go on."""
        run = self.run
        if isinstance(failure, KeyRefused):
            fail(run, str(failure))
        elif isinstance(failure, RateLimited | Unreachable):
            if run.tries + 1 >= MOST_TRIES:
                fail(run, str(failure))
            else:
                run.tries += 1
                put_off(run, str(failure), wait(run.tries))
        elif "expand" in stages.BY_NAME[run.stage].filters and run.stage not in self.bare:
            self.bare.add(run.stage)  # what stands in it may need a permission of its own, and can be read later
            return True
        else:  # this list cannot be read with this key; the others may
            before = run.stage, run.place
            remedy = " Set it to Read at Stripe, then read again." if isinstance(failure, PermissionMissing) else ""
            run.skipped = {**run.skipped, run.stage: f"{str(failure).rstrip('.')}.{remedy}"}
            next_stage(run, now())
            with transaction.atomic():
                move(run, *before)
            return True
        return False


_paces: dict[UUID, Pace] = {}


def _pace(connection: Connection, run: Backfill) -> Pace:
    """What this process asked for the connection; waits a moment where another process has just asked."""
    if len(_paces) >= PACES:
        _paces.clear()
    pace = _paces.setdefault(connection.pk, Pace(PER_SECOND))
    if run.counts and pace.quiet:
        time.sleep(min(max(0.0, 1 - (now() - run.stepped_at).total_seconds()), 1.0))
    return pace


def _pages(
    connection: Connection, reader: StripeReader, kind: Kind, filters: Mapping[str, Any], place: str
) -> Iterator[tuple[Sequence[Json], Sequence[Json], str]]:
    """Per page of a list: its objects, the events for the inbox, and where the list goes on ('' = it ends)."""
    if kind is Kind.EVENT:
        for page, after in events_oldest_first(reader, place):
            yield page, _new(connection, page), after
        return
    for answer in pages(reader, kind, after=place, pauses=(), **filters):
        objects = answer.json["data"]
        complete(reader, objects)
        listed = {"object": "list", "data": objects}
        event = intake.read_event(connection.mode, listed, answer.asked_at)
        event["id"] = f"{intake.PAGE_PREFIX}{uuid4().hex}"
        yield objects, [event] if objects else [], place_after(answer) if answer.json.get("has_more") else ""


def _new(connection: Connection, page: Sequence[Json]) -> list[Json]:
    """The events of a page that are used and that the inbox has not seen."""
    used = [event for event in page if event["type"] in EVENTS]
    with transaction.atomic():
        known = intake.known_ids(connection.workspace_id, connection.mode, [event["id"] for event in used])
    return [event for event in used if event["id"] not in known]
