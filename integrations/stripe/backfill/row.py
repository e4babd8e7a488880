"""The row of a run: how it moves on, waits and ends."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction

from integrations.models import Backfill
from integrations.stripe.client import Json

from . import stages

FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
MOST_TRIES: Final = 30
"""How often in a row Stripe may give no page before the run ends as failed: more than two hours."""


class Overtaken(Exception):  # noqa: N818 - it names the outcome
    """Somebody else has moved the run on, or ended it."""


def reach(run: Backfill, objects: Sequence[Json]) -> None:
    instants = [created for each in objects if type(created := each.get("created")) is int]
    if instants:
        run.reached = min(instants)
        run.oldest = run.reached if run.oldest is None else min(run.oldest, run.reached)


def next_stage(run: Backfill, at: datetime) -> None:
    run.stage, run.place, run.pages, run.reached = stages.after(run.stage), "", 0, None
    if not run.stage:
        run.finished_at = at


def move(run: Backfill, stage: str, place: str) -> None:
    """Write the run if it still is where it was. Raises Overtaken: it was ended, or started anew, meanwhile."""
    mine = Backfill.objects.filter(workspace_id=run.workspace_id, pk=run.pk, finished_at=None)
    values: dict[str, Any] = {
        name: getattr(run, name)
        for name in (
            *("stage", "place", "pages", "counts", "skipped", "reached", "oldest"),
            *("tries", "waits_until", "waits_for", "failure", "stepped_at", "finished_at"),
        )
    }
    if not mine.filter(stage=stage, place=place).update(**values):
        raise Overtaken


def put_off(run: Backfill, why: str, wait: timedelta) -> None:
    run.waits_for, run.waits_until, run.stepped_at = why, now() + wait, now()
    with transaction.atomic():
        run.save(update_fields=["tries", "waits_for", "waits_until", "stepped_at"])


def fail(run: Backfill, why: str) -> None:
    run.failure, run.finished_at, run.waits_until, run.waits_for = why, now(), None, ""
    with transaction.atomic():
        run.save(update_fields=["failure", "finished_at", "waits_until", "waits_for"])


def wait(tries: int) -> timedelta:
    """Doubled with every try, and a little different for everybody, so that not all come back at once."""
    whole = min(FIRST_WAIT * (1 << min(tries - 1, 12)), LONGEST_WAIT)
    return whole * (0.75 + random.random() / 4)  # noqa: S311 - nobody needs to be kept from guessing it


def now() -> datetime:
    return datetime.now(UTC)
