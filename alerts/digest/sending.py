"""Deciding summaries: each once, in the transaction that puts it into the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from alerts.models import Cadence, DigestRun, DigestState
from billing.dashboard import Standing, standing
from billing.modes import Mode
from integrations.channels import Message, deliver
from integrations.models import Channel
from pqintel.queue import Doorbell
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance

from .choosing import recipients, settings_of, timetables
from .numbers import Summary, summary
from .schedule import Due, due, due_at
from .words import message

bell = Doorbell("alerts.tasks.send_digests", queue="bulk")

PATIENCE: Final = timedelta(hours=1)
"""How long a summary waits for numbers that are being computed again."""
TOO_OLD: Final = "Too old: it was due more than three days before it could be sent."
NOT_IN_THE_PLAN: Final = "The plan does not include Stripe’s events, so there is nothing new to tell."
NO_CHANNEL: Final = "The channels that were chosen for it have been removed."


@dataclass(frozen=True)
class Composed:
    """A summary and its message, whether or not anybody gets it."""

    said: Summary
    message: Message


def settle(workspace: Workspace, mode: Mode, now: datetime) -> list[DigestRun]:
    """Decide every summary of a workspace and mode that is due at `now` (aware), the oldest first.

    Idempotent, also when several do it at once: a summary is one row, and who writes it sends it. Returns the rows
    that were written. Needs the scope, and opens a transaction for each summary.
    """
    with transaction.atomic():
        owed = [(place.table.cadence, one) for place in timetables(workspace.pk, mode) for one in due(place.table, now)]
    return [run for cadence, one in owed if (run := decide(workspace, mode, cadence, one, now)) is not None]


@transaction.atomic
def decide(workspace: Workspace, mode: Mode, cadence: Cadence, owed: Due, now: datetime) -> DigestRun | None:
    """Send one summary, or skip it for a reason; None where that is decided already, or has to wait.

    Writes the row and the deliveries in one transaction. Must run in scope.
    """
    state = standing(workspace, mode, now)
    if state.recalculating_since is not None and now - owed.at < PATIENCE:
        return None
    channels = recipients(workspace, settings_of(workspace, mode, cadence))
    skipped = _why_not(workspace, channels, owed, now)
    run, ours = DigestRun.objects.get_or_create(
        workspace=workspace,
        mode=mode,
        cadence=cadence,
        day=owed.day,
        defaults={
            "state": DigestState.SKIPPED if skipped else DigestState.SENT,
            "reason": skipped,
            "due_at": owed.at,
            "decided_at": now,
            "sent_at": None if skipped else now,
            "late": not skipped and owed.late(now),
        },
    )
    if not ours:
        return None
    if not skipped:
        composed = compose(workspace, mode, cadence, run.day, state, now, owed if run.late else None)
        run.numbers = composed.said.document
        run.save(update_fields=["numbers"])
        deliver(workspace.pk, mode, composed.message, channels, run.dedupe_key, now)
    return run


def compose(
    workspace: Workspace,
    mode: Mode,
    cadence: Cadence,
    day: date,
    state: Standing,
    now: datetime,
    late: Due | None = None,
) -> Composed:
    """The summary up to `day` and its message, as of `now`. Sends nothing. Must run in scope."""
    said = summary(workspace, mode, cadence, day, state, now)
    return Composed(said, message(workspace, mode, said, late))


def owed_for(workspace: Workspace, mode: Mode, cadence: Cadence, day: date) -> Due:
    """The summary up to `day` with when it is due, whether or not that is one of its days. Must run in scope."""
    return Due(day, due_at(day, settings_of(workspace, mode, cadence).hour, ZoneInfo(workspace.timezone)))


def _why_not(workspace: Workspace, channels: list[Channel], owed: Due, now: datetime) -> str:
    """Why it is skipped; "" where it is sent."""
    if owed.too_old(now):
        return TOO_OLD
    if not allowance(workspace, now).stripe_integration:
        return NOT_IN_THE_PLAN
    return "" if channels else NO_CHANNEL
