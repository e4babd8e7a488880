"""What each kind of letter may say, and to whom it may go: for those who write texts, and for whoever writes facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dunning.models import LetterKind

CHASING: Final = frozenset(
    {
        LetterKind.PAYMENT_FAILED,
        LetterKind.REMINDER_1,
        LetterKind.REMINDER_2,
        LetterKind.FINAL_WARNING,
        LetterKind.ACCESS_REDUCED,
    }
)
"""They ask for a payment: whether it is still owed is looked at again before they are sent."""

OPTIONAL: Final = frozenset(
    {
        LetterKind.CARD_EXPIRING,
        LetterKind.WELCOME,
        LetterKind.ONBOARDING,
        LetterKind.ONBOARDING_FOLLOWUP,
    }
)
"""They can be unsubscribed from. The others are about a contract or a payment, and customers need them."""

LABELS: Final[Mapping[str, str]] = {kind.value: str(kind.label) for kind in LetterKind}

SWITCHED_BY_POLICY: Final = frozenset({LetterKind.CARD_EXPIRING})
"""They go out where the policy of dunning says so (`Policy.card_notice`), not by a switch of their own."""

PLACEHOLDERS: Final[Mapping[str, str]] = {
    "customer_name": "the customer’s name",
    "workspace_name": "your name, as letters are from",
    "plan": "the plan that it is about",
    "amount": "what is to be paid, or was paid",
    "invoice_number": "the invoice’s number",
    "reason": "why the payment failed, as a sentence that customers may read",
    "payment_link": "the link to Stripe’s page where the invoice is paid",
    "next_attempt": "the day of the next automatic attempt",
    "downgrade_date": "the day on which access is reduced, or reduced further",
    "date": "the day on which it happened",
    "card": "the card, by brand and last four digits",
}
"""Every placeholder, in words for those who write texts. Days are the workspace's, written out: "March 1, 2026"."""
_OF_KIND: Final[Mapping[tuple[LetterKind, str], str]] = {
    (LetterKind.CARD_EXPIRING, "date"): "the month at whose end the card expires, as in “March 2026”",
    (LetterKind.CARD_EXPIRING, "plan"): "the plan that is paid with the card",
}


def meaning(kind: LetterKind, name: str) -> str:
    """What a placeholder stands for in a kind of letter, in words."""
    return _OF_KIND.get((kind, name), PLACEHOLDERS[name])


_EVERYWHERE: Final = ("customer_name", "workspace_name")
_OWED: Final = ("amount", "plan", "invoice_number", "payment_link")

ALLOWED: Final[Mapping[LetterKind, tuple[str, ...]]] = {
    LetterKind.PAYMENT_FAILED: (*_EVERYWHERE, *_OWED, "reason", "next_attempt", "downgrade_date", "date"),
    LetterKind.REMINDER_1: (*_EVERYWHERE, *_OWED, "reason", "next_attempt", "downgrade_date", "date"),
    LetterKind.REMINDER_2: (*_EVERYWHERE, *_OWED, "reason", "next_attempt", "downgrade_date", "date"),
    LetterKind.FINAL_WARNING: (*_EVERYWHERE, *_OWED, "reason", "next_attempt", "downgrade_date", "date"),
    LetterKind.ACCESS_REDUCED: (*_EVERYWHERE, *_OWED, "date", "downgrade_date"),
    LetterKind.RECOVERED: (*_EVERYWHERE, "amount", "plan", "invoice_number", "date"),
    LetterKind.CARD_EXPIRING: (*_EVERYWHERE, "plan", "card", "date"),
    LetterKind.WELCOME: (*_EVERYWHERE, "plan", "date"),
    LetterKind.GOODBYE: (*_EVERYWHERE, "plan", "date"),
    LetterKind.ONBOARDING: (*_EVERYWHERE, "plan", "date"),
    LetterKind.ONBOARDING_FOLLOWUP: (*_EVERYWHERE, "date"),
}
"""The placeholders that a kind's text may name. What a letter knows no value of leaves its paragraph out."""
