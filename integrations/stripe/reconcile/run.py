"""One comparison from beginning to end, in parts that any worker may do: the row says where it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q

from integrations.models import Backfill, Connection, ConnectionStatus, Phase, Reconciliation
from integrations.stripe import failing
from integrations.stripe.client import KeyRefused, ReadFailed, StripeReader
from integrations.stripe.recovery import LEASE, recover
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance

from .closing import Closing
from .confirming import Confirming
from .listing import Listing
from .pace import Pace

EVENTS_BACK: Final = timedelta(days=3)
"""How far back events are compared first: what was lost lately is repaired by the events themselves."""
PART_SECONDS: Final = 45.0
"""How long one part takes; a task may take twice as long."""
FIRST_WAIT: Final = timedelta(minutes=1)
MOST_FAILURES: Final = 8
"""In a row, over about two hours; then a run ends early, and the next night begins another."""
LONGEST: Final = timedelta(days=2)
KEPT: Final = timedelta(days=90)

NOT_CONNECTED: Final = "Stripe is not connected here: paste and verify the keys under Settings, Integrations, Stripe."
STILL_READING: Final = "What the account holds is still being read for the first time. Compare once that is done."
TOO_LONG: Final = "It did not come to an end within two days. Report it; the next night begins another."
NOT_IN_PLAN: Final = "The workspace's plan does not include the integration; nothing is read."


class CannotReconcile(Exception):  # noqa: N818 - it names the outcome
    """There is nothing to compare with, and why."""


def begin(stripe: Connection, *, asked_by: str = "", repairs: bool = True) -> tuple[Reconciliation, bool]:
    """The run that goes on, or a new one, and whether it is new. Forgets runs that ended 90 days ago. Idempotent.

    Must run in scope, outside a transaction or in one. Ring or `advance` afterwards.

    Raises:
        CannotReconcile: the mode is not connected, or its first reading goes on.
    """
    if stripe.status != ConnectionStatus.CONNECTED:
        raise CannotReconcile(NOT_CONNECTED)
    with transaction.atomic():
        reading = Backfill.objects.filter(connection=stripe, workspace_id=stripe.workspace_id, finished_at=None)
        if reading.filter(failure=None).exists():
            raise CannotReconcile(STILL_READING)
    now = datetime.now(UTC)
    runs = Reconciliation.objects.filter(workspace_id=stripe.workspace_id, mode=stripe.mode)
    try:
        with transaction.atomic():
            if (running := runs.filter(finished_at=None).first()) is not None:
                return running, False
            runs.filter(finished_at__lt=now - KEPT).delete()
            return Reconciliation.objects.create(
                workspace_id=stripe.workspace_id,
                connection=stripe,
                mode=stripe.mode,
                asked_by=asked_by,
                repairs=repairs,
                started_at=now,
                due_at=now,
            ), True
    except IntegrityError:  # somebody else began one in this moment
        with transaction.atomic():
            return runs.get(finished_at=None), False


def advance(stripe: Connection, pump: Callable[[], object], seconds: float = PART_SECONDS) -> Reconciliation | None:
    """Do the next part of the connection's run, if one is due and nobody else does it.

    Must run in scope, outside a transaction. What is done stays done, whatever ends this.

    Args:
        stripe: whose run.
        pump: makes the lane move: rings for a worker, or drains.
        seconds: about how long.

    Returns:
        The run as it now stands (`finished_at`, or `due_at` for the next part); None if there was nothing to do.
    """
    run = _claim(stripe)
    if run is None:
        return None
    with transaction.atomic():
        key = stripe.secret_key
        workspace = Workspace.objects.get(pk=stripe.workspace_id)
    if key is None or stripe.status != ConnectionStatus.CONNECTED:
        return _finish(run, NOT_CONNECTED if key is not None else failing.NO_KEY)
    if not allowance(workspace, datetime.now(UTC)).stripe_integration:
        return _finish(run, NOT_IN_PLAN)
    if run.started_at < datetime.now(UTC) - LONGEST:
        return _finish(run, TOO_LONG)
    try:
        due = _part(stripe, run, key, Pace(seconds, pump))
    except KeyRefused as failure:
        return _finish(run, failing.in_words(failure))
    except ReadFailed as failure:
        return _failed(run, failing.in_words(failure))
    return _finish(run) if due is None else _later(run, due)


def _part(stripe: Connection, run: Reconciliation, key: Secret, pace: Pace) -> datetime | None:
    """Go on until time is up; when to go on, or None at the end. Raises ReadFailed."""
    if run.phase == Phase.EVENTS:
        recovered = recover(stripe, since=run.started_at - EVENTS_BACK, seconds=PART_SECONDS)
        if recovered.found:
            pace.pump()
        if not recovered.more:
            run.phase = Phase.LISTING
        return datetime.now(UTC)
    with StripeReader(key) as reader:
        if run.phase == Phase.LISTING:
            Listing(stripe, run, reader, pace).go_on()
            return datetime.now(UTC)
        if run.phase == Phase.CONFIRMING:
            # What no endpoint selects (that a customer fell behind, say) comes by being read back alone.
            recover(stripe, seconds=PART_SECONDS)
            due = Confirming(stripe, run, reader, pace).go_on()
            return due if due is not None else datetime.now(UTC)
        if run.repairs and not Closing(stripe, run, reader, pace).go_on():
            return datetime.now(UTC) + FIRST_WAIT / 2
    return None


def _claim(stripe: Connection) -> Reconciliation | None:
    now = datetime.now(UTC)
    place = {"workspace_id": stripe.workspace_id, "mode": stripe.mode, "finished_at": None}
    free = Reconciliation.objects.filter(Q(busy_until=None) | Q(busy_until__lt=now), due_at__lte=now, **place)
    with transaction.atomic():
        if not free.update(busy_until=now + LEASE):
            return None
        return Reconciliation.objects.get(**place)


def _later(run: Reconciliation, due: datetime) -> Reconciliation:
    return _save(run, due_at=due, failures=0, failure=None)


def _failed(run: Reconciliation, failure: str) -> Reconciliation:
    failures = run.failures + 1
    if failures >= MOST_FAILURES:
        return _finish(run, failure)
    wait = failing.put_off(failures, FIRST_WAIT)
    return _save(run, due_at=datetime.now(UTC) + wait, failures=failures, failure=failure)


def _finish(run: Reconciliation, failure: str | None = None) -> Reconciliation:
    return _save(run, phase=Phase.FINISHED, finished_at=datetime.now(UTC), failure=failure)


def _save(run: Reconciliation, **changes: object) -> Reconciliation:
    for name, value in {"busy_until": None, **changes}.items():
        setattr(run, name, value)
    with transaction.atomic():
        run.save(update_fields=["busy_until", "phase", *(name for name in changes if name != "phase")])
    return run
