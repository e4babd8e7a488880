"""Handing new lines of history to those who react to them: in order, exactly once, one worker a lane."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction

from billing.feed import feed_status
from billing.lanes import lane_of
from billing.models import HistoryEntry
from billing.modes import Mode
from billing.reacting import ANY, News, Reaction, Reactions
from pqintel.queue import Work, hold_lane

from .bulk import fetch, run

log = logging.getLogger(__name__)

BATCH: Final = 500
SECONDS: Final = 1.0
"""How long one worker stays with one lane."""
MOST_TRIES: Final = 3
PAUSE: Final = timedelta(minutes=1)
"""Before a line that failed is tried again, times its tries."""
DIED: Final = "A worker died each time while reacting to this line alone."

# What a transaction of its own commits before the batch is worked on: a batch that kills its worker is not taken whole
# a second time. A line that was tried before comes alone, so that it takes no other along.
_CLAIM: Final = """
WITH waiting AS (
    SELECT id, tries, row_number() OVER (ORDER BY id) AS place FROM (
        SELECT id, tries FROM billing_pendingreaction
        WHERE workspace_id = %(ws)s AND mode = %(mode)s AND gave_up_at IS NULL AND due_at <= %(now)s
        ORDER BY id LIMIT %(most)s
    ) first
), chosen AS (
    SELECT id FROM waiting
    WHERE place = 1 OR place < coalesce((SELECT min(place) FROM waiting WHERE tries > 0), %(most)s + 1)
)
UPDATE billing_pendingreaction p SET tries = p.tries + 1
FROM chosen WHERE p.id = chosen.id AND p.workspace_id = %(ws)s
RETURNING p.id, p.entry, p.tries
"""
_DONE: Final = "DELETE FROM billing_pendingreaction WHERE workspace_id = %s AND id = ANY(%s)"
_FAILED: Final = """
UPDATE billing_pendingreaction SET reason = %s, due_at = %s, gave_up_at = %s WHERE workspace_id = %s AND id = %s
"""
_WAITS: Final = """
SELECT EXISTS (
    SELECT FROM billing_pendingreaction
    WHERE workspace_id = %s AND mode = %s AND gave_up_at IS NULL AND due_at <= %s
)
"""


@dataclass(frozen=True, slots=True)
class Reacted:
    """What a visit did: how many lines were handled, and whether more wait."""

    lines: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: int
    entry: int
    tries: int


@dataclass(frozen=True, slots=True)
class _Place:
    workspace_id: int
    mode: Mode
    reactions: Reactions
    clock: Callable[[], datetime]


def visit(
    workspace_id: int, mode: Mode, reactions: Reactions, clock: Callable[[], datetime], seconds: float = SECONDS
) -> Reacted:
    """React to what waits, oldest first, for about `seconds`. Does nothing while another worker is at it.

    A batch that fails is tried line by line. A line that fails alone is tried again after a minute and after two; then
    what of it can be done is done, and the rest is given up with its reason. Must run in the workspace's scope and
    outside a transaction; commits batch by batch.

    Raises:
        django.db.OperationalError: the database went away; what was not committed still waits.
    """
    place = _Place(workspace_id, mode, reactions, clock)
    until, lines = time.monotonic() + seconds, 0
    with hold_lane(lane_of(workspace_id, mode), Work.REACTING) as held:
        if not held:
            return Reacted(0, more=False)
        while batch := _claim(place):
            _handle(place, batch)
            lines += len(batch)
            if time.monotonic() >= until:
                break
    # A line may have come after the last look, its ring answered by "somebody is at it": look once more.
    with transaction.atomic():
        ((waits,),) = fetch(_WAITS, (workspace_id, str(mode), clock()))
    return Reacted(lines, more=waits)


def _claim(place: _Place) -> list[_Waiting]:
    given = {"ws": place.workspace_id, "mode": str(place.mode), "now": place.clock(), "most": BATCH}
    with transaction.atomic():
        return sorted((_Waiting(*row) for row in fetch(_CLAIM, given)), key=lambda waiting: waiting.id)


def _handle(place: _Place, batch: Sequence[_Waiting]) -> None:
    if len(batch) == 1:
        _alone(place, batch[0])
        return
    try:
        with transaction.atomic():
            for reaction, news in _news(place, batch):
                reaction(news)
            run(_DONE, (place.workspace_id, [waiting.id for waiting in batch]))
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # the database's trouble or the clock's, not the lines'
    except Exception as error:  # noqa: BLE001 - whatever a reaction raises, the other lines go on
        _refuse_lost_connection()
        log.error("%d lines of history together: %s", len(batch), _told(error))
        for waiting in batch:
            _alone(place, waiting)


def _alone(place: _Place, waiting: _Waiting) -> None:
    """React to one line; at its last try with every reaction by itself."""
    last = waiting.tries >= MOST_TRIES
    reason = DIED if waiting.tries > MOST_TRIES else ""
    try:
        with transaction.atomic():
            for reaction, news in _news(place, [waiting]) if not reason else ():
                try:
                    with transaction.atomic():
                        reaction(news)
                except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
                    raise
                except Exception as error:  # noqa: BLE001 - the same
                    _refuse_lost_connection()
                    reason = f"{reaction.__module__}.{reaction.__name__}: {_told(error)}"
                    log.error("Reacting to line %d of history failed: %s", waiting.entry, reason)
                    if not last:
                        raise _Failed from None
            if not reason:
                run(_DONE, (place.workspace_id, [waiting.id]))
            else:
                _fail(place, waiting, reason)
    except _Failed:
        with transaction.atomic():
            _fail(place, waiting, reason)


class _Failed(Exception):  # noqa: N818 - it undoes what the line's other reactions did
    pass


def _fail(place: _Place, waiting: _Waiting, reason: str) -> None:
    now = place.clock()
    given_up = now if waiting.tries >= MOST_TRIES else None
    run(_FAILED, (reason, now + PAUSE * waiting.tries, given_up, place.workspace_id, waiting.id))


def _news(place: _Place, batch: Iterable[_Waiting]) -> list[tuple[Reaction, News]]:
    """What each reaction is told of a batch; nobody is told what nobody is to be disturbed with. Three queries."""
    entries = HistoryEntry.objects.filter(
        workspace_id=place.workspace_id, pk__in=[waiting.entry for waiting in batch], superseded_at=None
    )
    lines = list(entries.order_by("pk"))
    since = feed_status(place.workspace_id, place.mode).connected_at if lines else None
    if since is not None:
        begins = since.replace(microsecond=0)  # Stripe counts whole seconds
        lines = [line for line in lines if line.happened_at >= begins]
    if not lines:
        return []
    found, now = [], place.clock()
    for reaction in dict.fromkeys(one for some in place.reactions.values() for one in some):
        kinds = {kind for kind, some in place.reactions.items() if reaction in some}
        theirs = tuple(line for line in lines if ANY in kinds or line.kind in kinds)
        if theirs:
            found.append((reaction, News(place.workspace_id, place.mode, theirs, now)))
    return found


def _refuse_lost_connection() -> None:
    if connection.connection is None or connection.connection.closed:
        raise OperationalError("The connection was lost during a reaction.")


def _told(error: Exception) -> str:
    """The error and where it was raised, without its message, which could quote what is in the line."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {at.filename.rpartition('/')[2]}:{at.lineno}"
