"""Trying a text out: a letter with sample facts to whoever asks, at once."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from billing.modes import Mode
from dunning.models import Letter, LetterKind, LetterState
from integrations.channels.transports import Outcome, Permanent

from . import outbox, sending
from .samples import sample_of
from .texts import Text

MOST_AN_HOUR: Final = 30


def try_out(workspace_id: int, mode: Mode, kind: LetterKind, text: Text, to: str, now: datetime) -> Outcome:
    """Send a letter with a text that may not be saved yet to `to`, an address of a member. Its fate is kept.

    Takes ten seconds at most. Must run in the workspace's scope and outside a transaction.
    """
    with transaction.atomic():
        trials = outbox.letters_of(workspace_id, mode).filter(customer="", created_at__gt=now - timedelta(hours=1))
        if trials.count() >= MOST_AN_HOUR:
            return Permanent(f"{MOST_AN_HOUR} trials were sent within the last hour. Try again later.")
        letter = sample_of(workspace_id, mode, kind, text, now).letter
        letter.customer, letter.to, letter.dedupe_key = "", to, f"trial:{uuid.uuid4()}:"
        letter.state, letter.reason = LetterState.HELD, "A trial that is being sent"
        letter.created_at = letter.next_attempt_at = letter.give_up_at = now
        letter.save()
    return sending.send_trial(letter)


def is_trial(letter: Letter) -> bool:
    return letter.customer == ""
