"""Events that never arrived: Stripe's list of events is compared with the inbox, id by id, and what is missing put in.

By id and not by what Stripe says about deliveries: an event that was acknowledged and then lost counts as delivered
there. The windows that are read overlap, and end a minute before now, because the list is only eventually consistent.
All times are of Stripe's clock, as its answers tell it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q

from billing.actions.gaps import record_gap
from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus, Gap, Recovery

from . import failing
from .client import Answer, ReadFailed, StripeReader
from .events_wanted import REQUIRED_EVENTS
from .freshness import heard
from .intake import known_ids, put
from .kinds import Kind
from .pages import pages
from .translate.handlers import EVENTS

LAG: Final = timedelta(seconds=60)
"""The newest events are left alone: the list shows them late, and deliveries are on their way."""
OVERLAP: Final = timedelta(minutes=15)
"""How much of what was read is read again, for events that showed up late."""
KEPT: Final = timedelta(days=30)
"""How long Stripe lists an event."""
EVERY: Final = timedelta(minutes=5)
JITTER: Final = timedelta(minutes=1)
SLICE: Final = timedelta(hours=6)
"""After an outage the time is read in slices, oldest first; each that is done stays done."""
FLUSH: Final = 1000
"""Missing events that are held in memory before they are put into the inbox."""
LEASE: Final = timedelta(minutes=5)
"""Longer than any task may run: whoever holds a row beyond it is dead."""

_random = Random()  # noqa: S311 - spreads the times, hides nothing


@dataclass(slots=True)
class Recovered:
    """What one run did. `more`: time was up before everything was read. `failure`: why Stripe was not read, in words.

    `busy`: another worker is reading, so nothing was done.
    """

    found: int = 0
    missed: int = 0
    gap: tuple[datetime, datetime] | None = None
    more: bool = False
    failure: str | None = None
    busy: bool = False


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """What the page shows. `late`: the list was not read for half an hour, though it should be every few minutes."""

    connected: bool
    read_until: datetime | None = None
    last_run_at: datetime | None = None
    last_found_at: datetime | None = None
    found: int = 0
    missed: int = 0
    failure: str | None = None
    late: bool = False
    gaps: Sequence[Gap] = ()


def status(workspace_id: int, mode: Mode) -> RecoveryStatus:
    """How far events were read back, and the gaps, newest first. Three queries. Must run in scope."""
    place = {"workspace_id": workspace_id, "mode": mode}
    connected = Connection.objects.filter(**place, status=ConnectionStatus.CONNECTED).exists()
    row = Recovery.objects.filter(**place).first()
    gaps = tuple(Gap.objects.filter(**place).order_by("-starts")[:10])
    if row is None:
        return RecoveryStatus(connected, gaps=gaps)
    return RecoveryStatus(
        connected=connected,
        read_until=row.read_until,
        last_run_at=row.last_run_at,
        last_found_at=row.last_found_at,
        found=row.found,
        missed=row.missed,
        failure=row.failure,
        late=connected and row.due_at < datetime.now(UTC) - timedelta(minutes=30),
        gaps=gaps,
    )


def recover(stripe: Connection, *, since: datetime | None = None, seconds: float = 60.0) -> Recovered:
    """Read what happened since the last time and put what is missing into the inbox. Ring the lane if any was found.

    Must run in scope, outside a transaction. Commits slice by slice; a run that ends early is taken up by the next.

    Args:
        stripe: a connection with working credentials.
        since: read from there on, even if it was read before (an aware time of Stripe's clock).
        seconds: about how long; then `more` says that something is left.
    """
    row = _claim(stripe)
    if row is None:
        return Recovered(busy=True)
    done = Recovered()
    with transaction.atomic():
        key = stripe.secret_key
    if key is None:
        done.failure = failing.NO_KEY
    else:
        try:
            with StripeReader(key) as reader:
                _Run(stripe, row, reader, done, time.monotonic() + seconds).read(since)
        except ReadFailed as failure:
            done.failure = failing.in_words(failure)
    _release(row, done)
    return done


class _Run:
    """One reading, from the place where the last one ended."""

    def __init__(self, stripe: Connection, row: Recovery, reader: StripeReader, done: Recovered, until: float) -> None:
        self.stripe, self.row, self.reader, self.done, self.until = stripe, row, reader, done, until

    def read(self, since: datetime | None) -> None:
        start = self.row.read_until or self.stripe.connected_at or datetime.now(UTC)
        begins = min(start, since) if since else start
        newest = self._first_page(begins - OVERLAP)
        horizon = newest.asked_at - LAG
        if not newest.json.get("has_more"):
            self._take([newest], horizon)
            self._reached(max(start, horizon), newest, start)
            return
        position = max(begins - OVERLAP, newest.asked_at - KEPT)
        while position < horizon:
            ends = min(position + SLICE, horizon)
            window = {"gte": _second(position), "lte": _second(ends)}
            last = self._take(pages(self.reader, Kind.EVENT, created=window), horizon)
            self._reached(max(start, ends), last, start)
            start, position = max(start, ends), ends
            if position < horizon and time.monotonic() >= self.until:
                self.done.more = True
                return

    def _first_page(self, since: datetime) -> Answer:
        return next(pages(self.reader, Kind.EVENT, created={"gte": _second(since)}))

    def _take(self, answers: Iterator[Answer] | list[Answer], horizon: datetime) -> Answer | None:
        """Put what is missing on these pages into the inbox, the oldest first as far as memory allows."""
        missing: list[Mapping[str, Any]] = []
        last: Answer | None = None
        for last in answers:
            told = [e for e in last.json["data"] if e["type"] in EVENTS and e["created"] <= horizon.timestamp()]
            with transaction.atomic():
                known = known_ids(self.stripe.workspace_id, self.stripe.mode, [event["id"] for event in told])
            missing += [event for event in told if event["id"] not in known]
            if len(missing) >= FLUSH:
                self._put(missing)
                missing = []
        self._put(missing)
        return last

    def _put(self, events: list[Mapping[str, Any]]) -> None:
        events.sort(key=lambda event: event["created"])
        with transaction.atomic():
            new = put(self.stripe, events, recovered=True)
        self.done.found += len(new)
        self.done.missed += sum(event["id"] in new and event["type"] in REQUIRED_EVENTS for event in events)

    def _reached(self, until: datetime, last: Answer | None, start: datetime) -> None:
        """Note how far it was read; and where events had expired before they were, the gap."""
        now = datetime.now(UTC)
        edge = last.asked_at - KEPT if last is not None else start
        with transaction.atomic():
            if start < edge:
                self._report(start, edge, now)
            heard(self.row.workspace_id, self.stripe.pk, until, now)
            Recovery.objects.filter(workspace_id=self.row.workspace_id, pk=self.row.pk).update(read_until=until)

    def _report(self, starts: datetime, ends: datetime, now: datetime) -> None:
        self.done.gap = (starts, ends)
        Gap.objects.get_or_create(
            workspace_id=self.stripe.workspace_id,
            mode=self.stripe.mode,
            starts=starts,
            defaults={"connection": self.stripe, "ends": ends, "found_at": now},
        )
        record_gap(self.stripe.workspace_id, Mode(self.stripe.mode), starts, ends, now)


def _claim(stripe: Connection) -> Recovery | None:
    """The connection's row, ours until it is released or the lease ends; None while somebody else has it."""
    now = datetime.now(UTC)
    place = {"workspace_id": stripe.workspace_id, "mode": stripe.mode}
    with transaction.atomic():
        row, _ = Recovery.objects.get_or_create(**place, defaults={"connection": stripe})
        free = Recovery.objects.filter(Q(busy_until=None) | Q(busy_until__lt=now), **place)
        if not free.update(busy_until=now + LEASE):
            return None
        row.refresh_from_db()
        return row


def _release(row: Recovery, done: Recovered) -> None:
    now = datetime.now(UTC)
    failures = row.failures + 1 if done.failure else 0
    wait = failing.put_off(failures, EVERY) if failures else timedelta() if done.more else EVERY
    changes: dict[str, Any] = {
        "busy_until": None,
        "due_at": now + wait + JITTER * (_random.random() if wait else 0),
        "last_run_at": now,
        "found": F("found") + done.found,
        "missed": F("missed") + done.missed,
        "failures": failures,
        "failure": done.failure,
    }
    if done.found:
        changes["last_found_at"] = now
    with transaction.atomic():
        Recovery.objects.filter(workspace_id=row.workspace_id, pk=row.pk).update(**changes)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
