"""The texts of letters: ours, until a workspace writes its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypedDict

from billing.modes import Mode
from dunning.models import LetterKind, LetterText, Policy

from .kinds import SWITCHED_BY_POLICY
from .wording import check_body, check_subject


class Text(TypedDict):
    """A letter's text with its placeholders."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class KnownText:
    """The text of a kind as it holds in a workspace's mode. `own`: the workspace wrote it."""

    kind: LetterKind
    text: Text
    enabled: bool
    own: bool


def _text(subject: str, *paragraphs: str) -> Text:
    return {"subject": subject, "body": "\n\n".join(paragraphs)}


_HELLO: Final = "Hello $customer_name,"
_BYE: Final = "$workspace_name"
_PAY: Final = "$payment_link"

DEFAULTS: Final[Mapping[LetterKind, Text]] = {
    LetterKind.PAYMENT_FAILED: _text(
        "Your payment to $workspace_name did not go through",
        _HELLO,
        "We could not collect your payment of $amount. $reason",
        "It is for $plan.",
        "Please look at your payment details here and complete the payment:",
        _PAY,
        "If you have paid in the meantime, there is nothing left to do.",
        _BYE,
    ),
    LetterKind.REMINDER_1: _text(
        "Your payment to $workspace_name is still open",
        _HELLO,
        "Your payment of $amount did not go through on $date. $reason",
        "We will try again on $next_attempt.",
        "You can pay or change your payment details here:",
        _PAY,
        "If you have paid in the meantime, there is nothing left to do.",
        _BYE,
    ),
    LetterKind.REMINDER_2: _text(
        "A reminder: your payment to $workspace_name is open",
        _HELLO,
        "Your payment of $amount is still open.",
        "We will try again on $next_attempt.",
        "It takes a minute to pay or to change your payment details:",
        _PAY,
        "If something is unclear, answer this mail and we will find a way.",
        _BYE,
    ),
    LetterKind.FINAL_WARNING: _text(
        "Please pay, to keep your access to $workspace_name",
        _HELLO,
        "Your payment of $amount is still open, and we would like to keep your access as it is.",
        "Without the payment, access is reduced on $downgrade_date.",
        "You can pay here:",
        _PAY,
        "If something is unclear, answer this mail and we will find a way.",
        _BYE,
    ),
    LetterKind.ACCESS_REDUCED: _text(
        "Your access to $workspace_name is reduced",
        _HELLO,
        "Your payment of $amount is still open, so your access is reduced for now. Nothing of yours is deleted.",
        "If not all of it is paid by $downgrade_date, access is reduced further.",
        "As soon as it is paid, everything is back by itself:",
        _PAY,
        _BYE,
    ),
    LetterKind.RECOVERED: _text(
        "Thank you: your payment to $workspace_name has arrived",
        _HELLO,
        "Thank you, your payment of $amount has arrived. There is nothing left to do.",
        _BYE,
    ),
    LetterKind.CARD_EXPIRING: _text(
        "Your card expires soon",
        _HELLO,
        "Your card $card, with which you pay $workspace_name, expires at the end of $date.",
        "Please add a new one before your next payment.",
        _BYE,
    ),
    LetterKind.WELCOME: _text(
        "Welcome to $workspace_name",
        _HELLO,
        "Thank you for subscribing. It is good to have you with us.",
        "Your plan is $plan.",
        "If you have a question, answer this mail.",
        _BYE,
    ),
    LetterKind.GOODBYE: _text(
        "Your subscription to $workspace_name has ended",
        _HELLO,
        "Your subscription ended on $date. You will not be charged for it again.",
        "Your plan was $plan.",
        "Thank you for the time with us. You are welcome back at any time.",
        _BYE,
    ),
    LetterKind.ONBOARDING: _text(
        "Your first steps with $workspace_name",
        _HELLO,
        "Thank you for your order, and welcome. Everything is ready for you.",
        "Your plan is $plan.",
        "Sign in and have a look around. If something is unclear, answer this mail: we are glad to help.",
        _BYE,
    ),
    LetterKind.ONBOARDING_FOLLOWUP: _text(
        "Can we help you to get started with $workspace_name?",
        _HELLO,
        "A few days ago you completed a checkout with us, and we do not see a running subscription yet.",
        "If something did not work, answer this mail and we will sort it out.",
        _BYE,
    ),
}
"""Short, kind, and silent about whether a card counts as lost, stolen or fraudulent."""


def text_of(workspace_id: int, mode: Mode, kind: LetterKind) -> Text:
    """The text that holds now, to be pinned where a later change must not count. One query. Must run in scope."""
    return known_texts(workspace_id, mode, (kind,))[kind].text


def known_texts(
    workspace_id: int, mode: Mode, kinds: Iterable[LetterKind] = tuple(LetterKind)
) -> dict[LetterKind, KnownText]:
    """The texts of those kinds as they hold now. One query, two where the policy is the switch of one of them. Must run
    in scope."""
    wanted = tuple(kinds)
    rows = LetterText.objects.filter(workspace_id=workspace_id, mode=mode, kind__in=wanted)
    own = {LetterKind(row.kind): row for row in rows}
    known = {kind: _known(kind, own.get(kind)) for kind in wanted}
    switched = SWITCHED_BY_POLICY.intersection(wanted)
    if switched:
        on = Policy.objects.filter(workspace_id=workspace_id, mode=mode, card_notice=True).exists()
        known |= {kind: replace(known[kind], enabled=on) for kind in switched}
    return known


def save(workspace_id: int, mode: Mode, kind: LetterKind, text: Text, *, enabled: bool, by: str, now: datetime) -> None:
    """Keep a workspace's own text. Letters that are decided already stay as they are. Must run in scope.

    Raises:
        wording.Unusable: the text cannot be used.
    """
    LetterText.objects.update_or_create(
        workspace_id=workspace_id,
        mode=mode,
        kind=kind,
        defaults={
            "subject": check_subject(kind, text["subject"]),
            "body": check_body(kind, text["body"]),
            "enabled": enabled,
            "changed_by": by,
            "changed_at": now,
        },
    )


def reset(workspace_id: int, mode: Mode, kind: LetterKind) -> None:
    """Forget a workspace's own text, and whether it is on. Must run in scope."""
    LetterText.objects.filter(workspace_id=workspace_id, mode=mode, kind=kind).delete()


def _known(kind: LetterKind, row: LetterText | None) -> KnownText:
    ours = DEFAULTS[kind]
    if row is None:
        return KnownText(kind, ours, enabled=True, own=False)
    text: Text = {"subject": row.subject, "body": row.body}
    return KnownText(kind, text, enabled=row.enabled, own=text != ours)
