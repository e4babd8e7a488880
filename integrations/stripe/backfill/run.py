"""A run of the backfill: begun once, done a few seconds at a time by one process at a time, resumed where it was."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.db import transaction

from integrations.models import Backfill, Connection, ConnectionStatus
from integrations.stripe import connections
from pqintel.queue import Doorbell, Work, hold_lane
from pqintel.vault import SealError, Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance

from . import stages
from .reading import Reading, Visit
from .row import fail, now, put_off

bell = Doorbell("integrations.tasks.backfill", queue="bulk")

SECONDS: Final = 5.0
"""How long one visit reads before other connections get their turn."""
PLAN_WAIT: Final = timedelta(minutes=10)


def start(connection: Connection) -> Backfill:
    """Begin a run, or let the last one go on if it failed; the running one where there is one. Idempotent.

    Must run in scope. Rings for a worker once the transaction has ended.
    """
    with transaction.atomic():
        row = connections.locked(connection)
        last = _latest(row)
        if last is not None and last.finished_at is None:
            run = last
        elif last is not None and last.failure is not None and not _before_connecting(last, row):
            run = last
            run.failure = run.finished_at = run.waits_until = None
            run.waits_for, run.tries, run.stepped_at = "", 0, now()
            run.save()
        else:
            run = Backfill.objects.create(
                workspace_id=row.workspace_id, connection=row, mode=row.mode, stage=stages.FIRST
            )
        transaction.on_commit(lambda: bell.ring(row.lane))
        return run


def start_for(connection: Connection) -> None:
    """What follows from connecting: a run, unless one was made since then; with a new key, one that failed goes on."""
    with transaction.atomic():
        run = _latest(connection)
        if run is None or run.failure is not None or _before_connecting(run, connection):
            start(connection)


def visit(connection: Connection, seconds: float = SECONDS) -> Visit:
    """Read pages of the connection's run for about `seconds` and put them into its inbox.

    Does nothing where there is no run, one that waits, or another process at it. Must run in scope, outside a
    transaction; holds no lane and no transaction while Stripe is asked.
    """
    with hold_lane(connection.lane, Work.BACKFILL) as held:
        if not held:
            return Visit()
        with transaction.atomic():
            connection = Connection.objects.get(workspace_id=connection.workspace_id, pk=connection.pk)
            run = _due(connection)
            if run is None or not _may_read(connection, run):
                return Visit()
            key = _key(connection, run)
        return Visit() if key is None else Reading(connection, run, time.monotonic() + seconds).go_on(key)


def _latest(connection: Connection) -> Backfill | None:
    runs = Backfill.objects.filter(workspace_id=connection.workspace_id, connection=connection)
    return runs.order_by("-started_at").first()


def _before_connecting(run: Backfill, connection: Connection) -> bool:
    """Whether a run belongs to an earlier time of the connection: what came in between was not seen."""
    return connection.connected_at is not None and run.started_at < connection.connected_at


def _due(connection: Connection) -> Backfill | None:
    run = Backfill.objects.filter(workspace_id=connection.workspace_id, connection=connection, finished_at=None).first()
    return run if run is not None and (run.waits_until is None or run.waits_until <= now()) else None


def _may_read(connection: Connection, run: Backfill) -> bool:
    """Whether the workspace's plan lets the drain apply what is read."""
    if allowance(Workspace.objects.get(pk=connection.workspace_id), now()).stripe_integration:
        return True
    put_off(run, "The plan does not include Stripe.", PLAN_WAIT)
    return False


def _key(connection: Connection, run: Backfill) -> Secret | None:
    try:
        key: Secret | None = connection.secret_key
    except SealError:
        fail(run, "The stored key is unreadable.")
        return None
    if key is None or connection.status != ConnectionStatus.CONNECTED:
        fail(run, "Stripe is not connected.")
        return None
    return key
