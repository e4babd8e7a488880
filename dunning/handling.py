"""What people do about cases: pause, go on, exclude, resolve, send the next letter now, give access back.

Each enters its own transaction; must run in scope, outside one. Where access that was held back may come back, the
lane is waited for; if a worker does not let go of it, a recalculation follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from billing.actions.access.holding import held_for, lane_within, lift
from billing.modes import Mode

from . import closing, mailing
from .cases import Desk, Impossible, Move
from .known import look
from .mailing import KINDS, NAMES
from .models import Case, EntryKind, Exclusion, ExclusionKind
from .steps import Chunk
from .terms import policy_of

PAUSED: Final = "The case was paused"
NOTHING_TO_SEND: Final = "No further letter is planned for this case."
WRITTEN_MEANWHILE: Final = (
    "A letter was written meanwhile: the timeline says which. Send the next one if it is wanted too."
)


def pause(case: Case, by: str, now: datetime) -> None:
    """Let nothing be done about a case until somebody lets it go on; what ends it still does. Raises Impossible.

    A letter that still waits does not go out, or without this invoice; the next one follows when the case goes on.
    """
    with transaction.atomic():
        desk, row = _on_desk(case, now)
        if row.paused_at is not None:
            raise Impossible("The case is paused already.")
        desk.move(row, Move.PAUSE, "Paused.", by=by)
        mailing.stop(case.workspace_id, Mode(case.mode), [row], PAUSED, now)
        desk.save()


def go_on(case: Case, by: str, now: datetime) -> None:
    """Let a paused case go on. Letters that were due more than three days ago are skipped. Raises Impossible."""
    with transaction.atomic():
        desk, row = _on_desk(case, now)
        if row.paused_at is None:
            raise Impossible("The case is not paused.")
        desk.move(row, Move.GO_ON, "Goes on.", by=by)
        known = look(case.workspace_id, Mode(case.mode), [case.invoice])
        if case.invoice in known:
            desk.learn(row, known[case.invoice])
        desk.save()


def resolve(case: Case, reason: str, by: str, now: datetime) -> None:
    """End a case by decision of a person; access that it held back comes back. Raises Impossible."""
    _end([case], Move.RESOLVE, reason, by, now)


def give_back(case: Case, by: str, now: datetime) -> None:
    """Give back the access that a closed case still holds back, as one that was written off does. Raises Impossible."""
    with lane_within(case.workspace_id, Mode(case.mode)) as held, transaction.atomic():
        desk, row = _on_desk(case, now)
        if row.runs:
            raise Impossible("The case still runs: close it, and access comes back.")
        if not held_for(desk.workspace_id, desk.mode, [row.invoice]):
            raise Impossible("No access is held back because of this invoice.")
        lift(desk.workspace_id, desk.mode, [row.invoice], by, now, lane_held=held)
        desk.note(row, EntryKind.FREED, "Access was given back.", by=by)
        desk.save()


def exclude(workspace_id: int, mode: Mode, kind: ExclusionKind, value: str, reason: str, by: str, now: datetime) -> int:
    """Dun a customer or a tier no more, and end the cases that run. Idempotent. Returns how many cases ended."""
    with lane_within(workspace_id, mode) as held, transaction.atomic():
        Exclusion.objects.get_or_create(
            workspace_id=workspace_id,
            mode=mode,
            kind=kind,
            value=value,
            defaults={"reason": reason, "created_at": now, "created_by": by},
        )
        desk = Desk(workspace_id, mode, now)
        cases = desk.load(closed_at=None, **{"customer" if kind == ExclusionKind.CUSTOMER else "tier": value})
        _close(desk, cases, Move.EXCLUDE, f"Excluded: {reason}" if reason else "Excluded.", by, lane_held=held)
        return len(cases)


def include(exclusion: Exclusion) -> None:
    """Take an exclusion back: the next failed attempt is dunned again."""
    with transaction.atomic():
        rows = Exclusion.objects.filter(workspace_id=exclusion.workspace_id, mode=exclusion.mode)
        rows.filter(pk=exclusion.pk).delete()


def send_now(case: Case, by: str, now: datetime, seen: str | None = None) -> str:
    """Write a case's next letter now, whatever the hour; its name.

    Args:
        seen: `Case.newest_letter` as `by` saw it. Where a letter was written since, this is the second of two clicks.

    Raises:
        Impossible: no letter is to follow, the case does not run, or a letter was written since.
    """
    with transaction.atomic():
        running = Desk(case.workspace_id, Mode(case.mode), now).load(customer=case.customer, closed_at=None)
        row = next((row for row in running if row.pk == case.pk), None)
        if row is None or row.paused_at is not None:
            raise Impossible("The case is closed." if row is None else "The case is paused.")
        if seen is not None and seen != row.newest_letter:
            raise Impossible(WRITTEN_MEANWHILE)
        step = Chunk(case.workspace_id, Mode(case.mode), now, lane_held=False).send_now(case, by)
    if step is None:
        raise Impossible(NOTHING_TO_SEND)
    return NAMES[KINDS[step.kind]]


def _end(cases: Sequence[Case], move: Move, text: str, by: str, now: datetime) -> None:
    first = cases[0]
    with lane_within(first.workspace_id, Mode(first.mode)) as held, transaction.atomic():
        desk = Desk(first.workspace_id, Mode(first.mode), now)
        rows = desk.load(pk__in=[case.pk for case in cases])
        _close(desk, rows, move, text, by, lane_held=held)


def _close(desk: Desk, cases: Iterable[Case], move: Move, text: str, by: str, *, lane_held: bool) -> None:
    endings = [closing.Ending(case, move, text, by) for case in cases]
    policy = policy_of(desk.workspace_id, desk.mode)
    closing.close(desk, endings, {}, policy, lane_held=lane_held)
    desk.save()


def _on_desk(case: Case, now: datetime) -> tuple[Desk, Case]:
    desk = Desk(case.workspace_id, Mode(case.mode), now)
    (row,) = desk.load(pk=case.pk)
    return desk, row
