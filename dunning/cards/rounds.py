"""The round of a day: read the newest charges, judge the cards, and say when the next one is due."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from billing.lanes import lane_of
from billing.modes import Mode
from dunning import letters
from dunning.letters import LetterKind
from dunning.models import Card, CardReading, Policy
from dunning.run import cut_off
from integrations.models import Connection, ConnectionStatus
from integrations.stripe import failing
from integrations.stripe.client import ReadFailed, StripeReader
from pqintel.queue import Doorbell, Work, hold_lane
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace

from .due import next_round
from .judging import Notice, Terms, judge
from .reading import Forgotten, begin, forget_old, locked, read

bell = Doorbell("dunning.tasks.look_at_cards", queue="bulk")

SECONDS: Final = 10.0
"""How long a visit reads before others get their turn; a question under way may take longer."""
RETRIES: Final = 1
"""How often a question is repeated at once: whoever waits for a hanging Stripe keeps others from their turn."""
FIRST_WAIT: Final = timedelta(minutes=1)
"""How long to wait after a question that Stripe did not answer; twice as long each time, an hour at most."""
TURNED_OFF: Final = "The notice was turned off"
OFF: Final = "The notice about expiring cards is off. An admin can turn it on under Settings, Dunning."


@dataclass(slots=True)
class Visit:
    """What a visit did. `refused`: why nothing was done at all; `failure`: why Stripe was not read to the end, in words
    with the remedy. `more`: time was up before everything was done. `busy`: somebody else is at it."""

    charges: int = 0
    notices: list[Notice] = field(default_factory=list)
    more: bool = False
    refused: str = ""
    failure: str = ""
    busy: bool = False


def visit(
    workspace_id: int, mode: Mode, now: datetime, *, seconds: float = SECONDS, at_once: bool = False, dry: bool = False
) -> Visit:
    """Do what is due of the round, for about so many seconds.

    Must run in scope, outside a transaction. One visit at a time goes on in a lane; what is done stays done, and a
    letter is decided once, whatever ends this.

    Args:
        seconds: where a dry one stops, the next begins anew.
        at_once: begin a round though none is due.
        dry: judge the cards that are known and write nothing; no charges are read.
    """
    done = Visit()
    with hold_lane(lane_of(workspace_id, mode), Work.CARDS) as held:
        if not held:
            done.busy = True
            return done
        with transaction.atomic():
            opened = _open(workspace_id, mode, now, done, at_once=at_once or dry)
            transaction.set_rollback(dry)
        if opened is None:
            return done
        row, terms, key = opened
        if dry:
            row.began_at = None  # whatever was judged today is judged again
        try:
            if key is None:
                done.failure = failing.NO_KEY
            else:
                _go_on(key, row, terms, done, time.monotonic() + seconds, dry=dry)
        except ReadFailed as failure:
            done.failure = failing.in_words(failure)
        except Forgotten:
            return Visit(refused=OFF)
        if not dry:
            with transaction.atomic():
                _close(row, terms, done)
    return done


def switched(workspace_id: int, mode: Mode, *, on: bool, now: datetime) -> None:
    """What follows from saving the policy: the first round begins at once; turned off, all that was kept is forgotten,
    and letters that wait do not go out. In scope and the transaction that saves."""
    if on:
        transaction.on_commit(lambda: bell.ring(lane_of(workspace_id, mode)))
        return
    place = {"workspace_id": workspace_id, "mode": mode}
    if CardReading.objects.filter(**place).delete()[0]:
        Card.objects.filter(**place).delete()
        letters.stop(workspace_id, mode, f"{LetterKind.CARD_EXPIRING}:", TURNED_OFF, now)


def _open(
    workspace_id: int, mode: Mode, now: datetime, done: Visit, *, at_once: bool
) -> tuple[CardReading, Terms, Secret | None] | None:
    """The round that is due, begun; None where there is nothing to do."""
    # Locked, so that who turns it off meanwhile waits, and then finds what is to be forgotten.
    policy = Policy.objects.select_for_update().filter(workspace_id=workspace_id, mode=mode).first()
    if policy is None or not policy.card_notice:
        done.refused = OFF
        return None
    row, _ = CardReading.objects.get_or_create(workspace_id=workspace_id, mode=mode, defaults={"due_at": now})
    row = CardReading.objects.select_for_update().get(workspace_id=workspace_id, pk=row.pk)
    if row.due_at > now and not at_once:
        return None
    done.refused = cut_off(workspace_id, mode, now)
    if done.refused:
        row.due_at = now + timedelta(hours=1)
        row.save()
        return None
    if row.began_at is None:
        begin(row, now)
    zone = ZoneInfo(Workspace.objects.values_list("timezone", flat=True).get(pk=workspace_id))
    stripe = Connection.objects.get(workspace_id=workspace_id, mode=mode, status=ConnectionStatus.CONNECTED)
    return row, Terms(policy, zone, now), stripe.secret_key


def _go_on(key: Secret, row: CardReading, terms: Terms, done: Visit, until: float, *, dry: bool) -> None:
    with StripeReader(key, max_retries=RETRIES) as reader:
        if not dry:
            done.charges = read(reader, row, until)
            done.more = row.window_until is not None
        if not done.more:
            done.more = judge(reader, row, terms, until, done.notices, dry=dry)


def _close(row: CardReading, terms: Terms, done: Visit) -> None:
    """Say when to go on."""
    now = terms.now
    if not locked(row):
        return
    row.failure = done.failure
    row.failures = row.failures + 1 if done.failure else 0
    if done.failure:
        row.due_at = now + failing.put_off(row.failures, FIRST_WAIT)
    elif done.more:
        row.due_at = now
    else:
        row.began_at, row.finished_at, row.due_at = None, now, next_round(now, terms.zone)
        forget_old(row, now)
    row.save()
