"""Sending letters that wait: claimed and committed, sent outside any transaction, settled.

One worker at a time has the lane of a workspace's mode. What a letter says is looked at once more while it is claimed.
Who dies between claiming and settling leaves the claim behind: the letter is sent once more under the same Message-ID,
flagged as a possible duplicate, and given up if the next sender dies as well.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest

from billing.lanes import lane_of
from billing.modes import Mode
from dunning.models import Letter, LetterKind, LetterState
from integrations.channels.sending import DIED_TWICE, Clock, pause_after
from integrations.channels.transports import Outcome, Passing, Permanent, Sent
from integrations.channels.transports.email import post
from pqintel.queue import Outsider, Work, hold_lane, places

from . import checks, outbox
from .compose import compose, message_of
from .telling import tell
from .wording import name_to_greet

VISIT: Final = timedelta(seconds=5)
"""How long a worker stays with a lane; a letter under way may take ten seconds more."""
PACE: Final = timedelta(milliseconds=100)
"""What lies between two letters of a lane at least: no mail server takes ten a second for an attack."""
SERVER_PAUSE: Final = timedelta(minutes=1)
"""How long a lane rests when the mail server itself is the trouble."""
LATE: Final = "Too old when it could be sent"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit to a lane did. `more`: something else is due."""

    sent: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A letter that is ours to send now."""

    workspace_id: int
    mode: Mode
    letter_id: int
    message: EmailMultiAlternatives


def visit(workspace_id: int, mode: Mode, clock: Clock | None = None) -> Visit:
    """Send what is due in a lane, oldest first, ten a second at most, for about five seconds.

    Must run in the workspace's scope and outside a transaction.
    """
    clock = clock or Clock()
    sent, until = 0, clock.now() + VISIT
    with hold_lane(lane_of(workspace_id, mode), Work.LETTERS) as held:
        while held:
            with places.hold(Outsider.MAIL) as placed:
                if not placed:  # others wait there, perhaps for a server that hangs; the sweep rings again
                    return Visit(sent)
                began = clock.now()
                with transaction.atomic():
                    due = _due(workspace_id, mode, began)
                    claim = _claim(due, began) if due is not None else None
                outcome = post(claim.message) if claim is not None else None
                if claim is not None and outcome is not None:
                    with transaction.atomic():
                        _settle(claim, outcome, clock.now())
            if due is None:
                return Visit(sent)
            if outcome is not None:
                sent += isinstance(outcome, Sent)
                if isinstance(outcome, Passing):
                    return Visit(sent, more=not outcome.server)
                clock.sleep(max((began + PACE - clock.now()).total_seconds(), 0.0))
            if clock.now() >= until:
                return Visit(sent, more=True)
    return Visit()


def send_trial(letter: Letter, clock: Clock | None = None) -> Outcome:
    """Send a letter that is held for whoever asked for it, at once; what became of it is kept with it.

    Must run in scope and outside a transaction. Takes ten seconds at most.
    """
    clock = clock or Clock()
    with transaction.atomic():
        row = outbox.letters_of(letter.workspace_id, Mode(letter.mode)).get(pk=letter.pk)
        claim = _seal(row, row.to, clock.now())
        row.save(update_fields=["claimed_at", "tries", "mail", "message_id"])
    outcome = post(claim.message)
    with transaction.atomic():
        _settle(claim, outcome if not isinstance(outcome, Passing) else Permanent(outcome.reason), clock.now())
    return outcome


def _due(workspace_id: int, mode: Mode, now: datetime) -> Letter | None:
    waiting = outbox.letters_of(workspace_id, mode).filter(state=LetterState.WAITING, next_attempt_at__lte=now)
    return waiting.select_for_update().order_by("next_attempt_at", "id").first()


def _claim(row: Letter, now: datetime) -> Claim | None:
    """Say, to be committed before anything is sent, that this letter is under way. None: it is not to be sent."""
    if row.claimed_at is not None:
        row.possible_duplicate, row.lost_claims, row.claimed_at = True, row.lost_claims + 1, None
    row.state, row.reason = _judged(row, now)
    claim = _seal(row, None, now) if row.state == LetterState.WAITING else None
    if claim is None and row.state != LetterState.HELD:
        row.settled_at = now
    row.save(
        update_fields=[
            "state", "reason", "settled_at", "claimed_at", "tries", "mail", "message_id", "possible_duplicate",
            "lost_claims", "to", "facts", "invoices", "payment_url", "pages",
        ]
    )  # fmt: skip
    tell(row.workspace_id, Mode(row.mode), [row], now)
    return claim


def _judged(row: Letter, now: datetime) -> tuple[LetterState, str]:
    """Whether a letter may go out now (waiting), else what becomes of it. Brings what it says up to date."""
    if row.lost_claims > 1:
        return LetterState.FAILED, DIED_TWICE
    if row.give_up_at <= now:
        return LetterState.SKIPPED, LATE
    kind = LetterKind(row.kind)
    ground = outbox.ground_of(row.workspace_id, Mode(row.mode), [row.customer], [kind])
    state, reason = ground.verdict(kind, row.customer)
    if state is not LetterState.WAITING:
        return state, reason
    customer = ground.customers[row.customer]
    row.to = outbox.address_of(customer)
    if not row.facts.get("customer_name"):
        row.facts = row.facts | {"customer_name": name_to_greet(customer.name)}
    not_any_more = checks.refresh(row)
    if not_any_more:
        return LetterState.SKIPPED, not_any_more
    return LetterState.WAITING, row.reason


def _seal(row: Letter, trial_for: str | None, now: datetime) -> Claim:
    """Mark a letter as under way, with what is about to be handed to the mail server. The caller saves it."""
    mail = compose(row, trial_for)
    row.claimed_at, row.tries, row.mail = now, row.tries + 1, mail.document()
    row.message_id = row.message_id or f"<letter-{uuid.uuid4()}@{urlsplit(settings.PQ_BASE_URL).hostname}>"
    name = row.facts.get("workspace_name", "")
    return Claim(row.workspace_id, Mode(row.mode), row.pk, message_of(mail, name, row.message_id))


def _settle(claim: Claim, outcome: Outcome, now: datetime) -> None:
    """Write down what became of a letter."""
    rows = outbox.letters_of(claim.workspace_id, claim.mode)
    row = rows.select_for_update().filter(pk=claim.letter_id).first()
    if row is None:  # the workspace was deleted meanwhile
        return
    stopped = row.state == LetterState.SKIPPED  # while it was under way
    row.claimed_at = None
    match outcome:
        case Sent(said):
            row.state, row.reason, row.answer, row.sent_at, row.settled_at = LetterState.SENT, "", said, now, now
            if row.tries > 1:  # the mail server answers again: whatever else waits need not wait for its own next try
                waiting = rows.filter(state=LetterState.WAITING, tries__gt=0, next_attempt_at__gt=now)
                _others(waiting, row).update(next_attempt_at=now)
        case Passing() if not stopped:
            _put_off(row, outcome, now)
            if outcome.server:
                due = rows.filter(state=LetterState.WAITING, next_attempt_at__lt=now + SERVER_PAUSE)
                _others(due, row).update(next_attempt_at=Greatest("next_attempt_at", now + SERVER_PAUSE))
        case Permanent(reason) if not stopped:
            row.state, row.reason, row.answer, row.settled_at = LetterState.FAILED, reason, reason, now
    row.save(
        update_fields=[
            "claimed_at", "state", "reason", "answer", "sent_at", "settled_at", "next_attempt_at",
            "possible_duplicate",
        ]
    )  # fmt: skip
    if not stopped or row.state != LetterState.SKIPPED:  # that it was stopped, whoever stopped it has told
        tell(claim.workspace_id, claim.mode, [row], now)


def _others(letters: QuerySet[Letter], row: Letter) -> QuerySet[Letter]:
    """The others of them, without those that somebody else is changing now: who skips several letters at once may be
    waiting for this one, and of two who wait for each other one loses what it did, here that a letter was sent."""
    free = letters.exclude(pk=row.pk).order_by("id").select_for_update(skip_locked=True)
    return Letter.objects.filter(workspace_id=row.workspace_id, pk__in=free.values("pk"))


def _put_off(row: Letter, outcome: Passing, now: datetime) -> None:
    row.reason = row.answer = outcome.reason
    row.possible_duplicate = row.possible_duplicate or outcome.may_have_arrived
    row.next_attempt_at = now + pause_after(row.tries)
    if row.next_attempt_at >= row.give_up_at:
        row.state, row.reason, row.settled_at = LetterState.FAILED, f"Given up: {outcome.reason}", now
