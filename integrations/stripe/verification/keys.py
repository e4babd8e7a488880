"""The checks of the keys themselves: form, mode, acceptance, permissions, account."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from integrations.stripe.accounts import AccountConflict, refuse_conflict
from integrations.stripe.client import (
    KeyRefused,
    NotFound,
    PermissionMissing,
    RateLimited,
    ReadFailed,
    RequestRefused,
    StripeReader,
    Unreachable,
)
from integrations.stripe.kinds import REQUIRED

from .candidate import Candidate
from .formats import LABELS, format_problems, mode_problems
from .run import Outcome, Run, State

RETRIES: Final = 1
"""Somebody is waiting: one more try, then say so."""

EDIT_KEY: Final = (
    "At Stripe, Developers › API keys, edit the key and set these to Read, or make a new one with the pre-filled form."
)


def check_formats(candidate: Candidate, _: Run) -> Outcome:
    problems = format_problems(candidate.mode, candidate.revealed())
    if problems:
        return Outcome(State.FAILED, _named(problems), "Copy the values from Stripe again and save them here.")
    return Outcome(State.OK)


def check_mode(candidate: Candidate, _: Run) -> Outcome:
    problems = mode_problems(candidate.mode, candidate.revealed())
    if problems:
        return Outcome(State.FAILED, _named(problems), f"Use the keys that Stripe shows in {candidate.mode} mode.")
    return Outcome(State.OK, f"Both keys are of {candidate.mode} mode.")


def check_key(candidate: Candidate, run: Run) -> Outcome:
    """Ask for the account: whether it may be read or not, the answer shows that the key is accepted."""
    if not (run.passed("formats") and run.passed("mode")):
        return Outcome(State.UNKNOWN, "Not asked, because the keys are not usable as they are.")
    try:
        with StripeReader(candidate.key, max_retries=RETRIES) as stripe:
            account_id = stripe.account().get("id")
    except PermissionMissing as refusal:
        account_id = refusal.account_id
    except ReadFailed as failure:
        return read_failure(failure)
    notes = {"account_id": account_id}
    if candidate.key.reveal().startswith("sk_"):
        return Outcome(
            State.WARNING,
            "Accepted. It is a secret key: it could change and charge anything in your account. PQ Intel only reads.",
            "Better is a restricted key (rk_…), which can read and nothing else: the pre-filled form makes one.",
            notes,
        )
    return Outcome(State.OK, "", "", notes)


def check_permissions(candidate: Candidate, run: Run) -> Outcome:
    if not run.passed("key"):
        return Outcome(State.UNKNOWN, "Not asked, because Stripe did not accept the key.")
    missing = []
    try:
        with StripeReader(candidate.key, max_retries=RETRIES) as stripe:
            for permission in REQUIRED:
                try:
                    stripe.ping(permission.kind)
                except PermissionMissing as refusal:
                    missing.append(f"{permission.label} ({', '.join(refusal.scopes) or permission.scope})")
                except (NotFound, RequestRefused):
                    # The account has no such list: Stripe looks at permissions first, so it is not one of those.
                    continue
    except ReadFailed as failure:
        return read_failure(failure)
    if missing:
        return Outcome(State.FAILED, f"The key may not read: {'; '.join(missing)}.", EDIT_KEY, breaks=True)
    return Outcome(State.OK, f"All {len(REQUIRED)} that are needed: {', '.join(p.label for p in REQUIRED)}.")


def check_account(candidate: Candidate, run: Run) -> Outcome:
    account_id = run.notes.get("account_id")
    try:
        with transaction.atomic():
            refuse_conflict(candidate.connection, account_id)
    except AccountConflict as conflict:
        return Outcome(State.FAILED, str(conflict), conflict.remedy)
    if account_id is not None:
        return Outcome(State.OK, f"{account_id} is connected here alone.")
    if not run.passed("key"):
        return Outcome(State.UNKNOWN, "Stripe did not say which account the key belongs to.")
    return Outcome(State.UNKNOWN, "This restricted key does not tell which account it belongs to. That is fine.")


def read_failure(failure: ReadFailed) -> Outcome:
    """A check's outcome when Stripe did not answer its question."""
    match failure:
        case KeyRefused():
            return Outcome(
                State.FAILED,
                "Stripe does not accept the secret or restricted key: it is wrong, expired or deleted.",
                "Copy the key again at Stripe, Developers › API keys, or make a new one, and save it here.",
                breaks=True,
            )
        case RateLimited():
            return Outcome(
                State.FAILED,
                "Stripe asks to slow down: too many requests for this account.",
                "Wait a minute, then verify again.",
            )
        case Unreachable():
            return Outcome(
                State.FAILED,
                str(failure),
                "Verify again. If it stays so, something blocks this server's way to Stripe, or see status.stripe.com.",
            )
    return Outcome(State.FAILED, str(failure), "Verify again; if it stays so, tell support.")


def _named(problems: dict[str, str]) -> str:
    return " ".join(f"{LABELS[name]}: {problem}" for name, problem in problems.items())
