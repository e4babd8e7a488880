"""The worker's side of the inbox: claim a batch, translate it, apply it, settle it, until the lane is empty.

One transaction counts the tries, the next one applies the batch and settles its events together, so an event's effects
and its "done" are one and the same commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction

from billing.actions import learn
from billing.lanes import lane_parts
from billing.modes import Mode
from billing.snapshots import Learned
from integrations.models import Connection, InboxState
from pqintel.queue import hold_lane
from pqintel.vault import SealError
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance
from pqintel.workspaces.tenancy import scope

from . import inbox, quarantine, reads
from .inbox import Claimed, Delivered, Verdict
from .intake import EVENT_PREFIX, PAGE_PREFIX, one_by_one, put
from .selftest import SELFTEST_PREFIX
from .translate import Envelope, Untranslatable, envelope, parse, translate

log = logging.getLogger(__name__)

SECONDS: Final = 1.0
"""How long one worker stays on one lane before other tenants get their turn."""

_ENTER: Final = """
SELECT w.*, c.id AS connection_id, c.account_id
FROM integrations_connection c JOIN workspaces_workspace w ON w.id = c.workspace_id
WHERE c.workspace_id = %s AND c.mode = %s
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one visit to a lane did: `more` events still wait, questions were `asked` that are due at once, or `pages`
    of a backfill were among the events, so that it may read on.
    """

    events: int
    more: bool
    asked: bool = False
    pages: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose events these are."""

    workspace_id: int
    mode: Mode
    connection_id: UUID
    account_id: str | None
    open: bool
    asked: list[bool] = field(default_factory=list)
    paged: list[bool] = field(default_factory=list)
    pages: dict[int, dict[str, Any]] = field(default_factory=dict)
    """The pages of a batch by inbox id: where one object is at fault, the others come by themselves."""


def drain(lane: int, seconds: float = SECONDS) -> Drained:
    """Process a lane's events for at most about `seconds`. Does nothing while another worker holds the lane.

    Must run outside a transaction. Commits batch by batch.

    Raises:
        django.db.OperationalError: the database went away; what was not committed still waits.
    """
    workspace_id, mode = lane_parts(lane)
    with scope(workspace_id):
        with hold_lane(lane) as held:
            if not held:
                return Drained(0, more=False)
            place, events = _visit(workspace_id, mode, time.monotonic() + seconds)
        # An event may have come after the last look, its ring answered by "somebody holds the lane": look once more.
        if place is None:
            return Drained(events, more=False)
        more = place.open and inbox.waits(workspace_id, place.connection_id)
        return Drained(events, more, asked=any(place.asked), pages=any(place.paged))


def _visit(workspace_id: int, mode: Mode, until: float) -> tuple[Lane | None, int]:
    place: Lane | None = None
    events = 0
    while True:
        with transaction.atomic():
            place = place or _enter(workspace_id, mode)
            if place is None:
                return None, 0
            batch = _claim(place)
        if batch:
            _process(place, batch)
            events += len(batch)
        # Half the weight: the next one would have been too heavy for the batch, or there is none.
        full = len(batch) == inbox.BATCH or sum(len(claimed.sealed) for claimed in batch) > inbox.WEIGHT // 2
        if not full and all(claimed.tries == 1 for claimed in batch):
            return place, events  # nothing else waited, or only what comes in smaller batches after a crash
        if time.monotonic() >= until:
            return place, events


def _enter(workspace_id: int, mode: Mode) -> Lane | None:
    # Raw, because it is asked at every visit, and building this query takes longer than answering it.
    found: Any = next(iter(Workspace.objects.raw(_ENTER, [workspace_id, mode])), None)
    if found is None:
        return None
    is_open = allowance(found, datetime.now(UTC)).stripe_integration
    return Lane(workspace_id, mode, found.connection_id, found.account_id, is_open)


def _claim(place: Lane) -> list[Claimed]:
    if not place.open:
        inbox.hold(place.workspace_id, place.connection_id)
        return []
    return inbox.claim(place.workspace_id, place.connection_id)


def _process(place: Lane, batch: list[Claimed]) -> None:
    """Translate every event by itself, then apply what is left together."""
    verdicts: list[Verdict] = []
    lessons: list[tuple[Verdict, Learned]] = []
    for claimed in batch:
        verdict, learned = _judge(place, claimed)
        if learned is None:
            verdicts.append(verdict)
        else:
            lessons.append((verdict, learned))
    _apply(place, lessons, verdicts, batch)
    place.paged.append(bool(place.pages))
    place.pages.clear()


def _judge(place: Lane, claimed: Claimed) -> tuple[Verdict, Learned | None]:
    """What becomes of one event, and what it teaches if it is to be applied."""
    if claimed.solo_tries > inbox.SOLO_TRIES:
        reason = f"A worker died {inbox.SOLO_TRIES} times while processing this event alone. Report it, then replay it."
        return Verdict(claimed.id, InboxState.QUARANTINED, reason), None
    if claimed.event_id.startswith(SELFTEST_PREFIX):
        return Verdict(claimed.id, InboxState.DONE, type="pqintel.selftest"), None
    head: Envelope | None = None
    try:
        event = parse(claimed.open(place.workspace_id))
        head = envelope(event)
        if claimed.event_id.startswith(PAGE_PREFIX):
            place.pages[claimed.id] = event
        if (foreign := _foreign(place, head)) is not None:
            return _verdict(claimed, InboxState.REJECTED, head, foreign), None
        learned = translate(event)
    except SoftTimeLimitExceeded:
        raise  # the visit's time is up, which says nothing about this event
    except (Untranslatable, SealError) as error:
        return _given_up(place, _verdict(claimed, InboxState.QUARANTINED, head, str(error))), None
    except Exception as error:  # a bug of ours must not block the lane; the traceback goes to the log, without payload
        log.error("Event %s cannot be translated: %s", claimed.event_id, type(error).__name__, exc_info=_bare(error))
        reason = f"Our translation failed ({type(error).__name__}). Report it; replay it after the next update."
        return _given_up(place, _verdict(claimed, InboxState.QUARANTINED, head, reason)), None
    if learned is None:
        return _verdict(claimed, InboxState.IGNORED, head), None
    return _verdict(claimed, InboxState.DONE, head), learned


def _given_up(place: Lane, verdict: Verdict) -> Verdict:
    """The verdict, unless the event is a page of several objects: then they come one by one, and one takes no other
    along. Those that come are in the inbox before the page is settled; if that is tried again, they are there once.
    """
    page = place.pages.get(verdict.id)
    if page is None or len(parts := one_by_one(page)) < 2:
        return verdict
    with transaction.atomic():
        connection = Connection.objects.get(workspace_id=place.workspace_id, pk=place.connection_id)
        put(connection, parts)
    return replace(verdict, state=InboxState.DONE, reason=f"Its {len(parts)} objects are processed one by one.")


def _bare(error: Exception) -> BaseException:
    """The error with its place but without its message, which could quote a payload."""
    return type(error)().with_traceback(error.__traceback__) if isinstance(error, ValueError | TypeError) else error


def _foreign(place: Lane, head: Envelope) -> str | None:
    """Why an event is not this connection's, or None."""
    if head.livemode != (place.mode is Mode.LIVE):
        told = "live" if head.livemode else "test"
        return f"It is a {told}-mode event, but this is the {place.mode} URL. Register the {told} URL at Stripe for it."
    account = place.account_id
    if head.account and account and head.account != account:
        return f"It belongs to the account {head.account}; {account} is connected here."
    return None


def _verdict(claimed: Claimed, state: InboxState, head: Envelope | None, reason: str | None = None) -> Verdict:
    if head is None:
        return Verdict(claimed.id, state, reason)
    return Verdict(claimed.id, state, reason, head.type, head.api_version, head.created)


def _apply(
    place: Lane, lessons: Sequence[tuple[Verdict, Learned]], verdicts: Sequence[Verdict], batch: Sequence[Claimed]
) -> None:
    """Apply lessons and settle all verdicts in one transaction; where that fails, halve until the culprit is alone."""
    try:
        with transaction.atomic():
            now = datetime.now(UTC)
            outcome = learn(place.workspace_id, place.mode, [learned for _, learned in lessons], now)
            asked = reads.ask(place.workspace_id, place.connection_id, outcome, now)
            settled = [*verdicts, *(verdict for verdict, _ in lessons)]
            set_aside = inbox.settle(place.workspace_id, settled, now, _delivered(place, batch))
            quarantine.record_quarantined(place.workspace_id, place.mode, set_aside, now)
        place.asked.append(asked)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # the database's trouble or the clock's, not the event's: everything waits for the next visit
    except Exception as error:
        if connection.connection is None or connection.connection.closed:
            raise OperationalError("The connection was lost during a batch.") from None
        if len(lessons) > 1:
            middle = len(lessons) // 2
            _apply(place, lessons[:middle], verdicts, batch)
            _apply(place, lessons[middle:], (), ())
            return
        if not lessons:
            raise
        log.error("Event %s cannot be applied: %s", lessons[0][1].event_id, type(error).__name__)
        _quarantine(place, lessons[0][0], verdicts, error)


def _quarantine(place: Lane, verdict: Verdict, others: Sequence[Verdict], error: Exception) -> None:
    kind = "The database refuses its values" if isinstance(error, DatabaseError) else "Applying it failed"
    reason = f"{kind} ({type(error).__name__}). Report it; replay it after the next update."
    bad = _given_up(place, replace(verdict, state=InboxState.QUARANTINED, reason=reason))
    now = datetime.now(UTC)
    with transaction.atomic():
        set_aside = inbox.settle(place.workspace_id, [*others, bad], now)
        quarantine.record_quarantined(place.workspace_id, place.mode, set_aside, now)


def _delivered(place: Lane, batch: Sequence[Claimed]) -> Delivered | None:
    """The last real delivery of a batch, and whether one proved the signing secret."""
    made_here = (SELFTEST_PREFIX, EVENT_PREFIX)
    real = [c for c in batch if not c.recovered and not c.event_id.startswith(made_here)]
    if not real:
        return None
    return Delivered(place.connection_id, max(c.received_at for c in real), any(c.proves for c in real))
