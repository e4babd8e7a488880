"""What a declined payment means for what to do next, and how to say it to people."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Decline(StrEnum):
    """HARD: no retry will succeed without another payment method. CARD: the card's data must be corrected.
    AUTHENTICATION: the customer must confirm (3-D Secure). SOFT: a later retry may succeed.
    """

    HARD = "hard"
    CARD = "card"
    AUTHENTICATION = "authentication"
    SOFT = "soft"


DECLINES: Final = [
    (Decline.HARD.value, "Needs another payment method"),
    (Decline.CARD.value, "Card data must be corrected"),
    (Decline.AUTHENTICATION.value, "Customer must confirm"),
    (Decline.SOFT.value, "May succeed later"),
]
"""The choices of a column, with words for the team."""

_TO_CUSTOMERS: Final = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code did not match.",
    "invalid_cvc": "Your card's security code did not match.",
    "invalid_expiry_month": "Your card's expiry date did not match.",
    "invalid_expiry_year": "Your card's expiry date did not match.",
    "incorrect_number": "Your card number did not match.",
    "invalid_number": "Your card number did not match.",
    "processing_error": "Your bank could not process the payment at that moment.",
    "issuer_not_available": "Your bank could not be reached.",
}


def for_team(code: str | None, decline_code: str | None) -> str:
    """The reason as the bank names it, for members of the workspace: "insufficient funds"; "" where it is not known."""
    return (decline_code or code or "").replace("_", " ")


def for_customer(code: str | None, decline_code: str | None, decline: str | None) -> str:
    """The reason as a sentence that may go to the customer.

    Only what customers can act on is named: whether a card counts as lost, stolen or fraudulent is never told.
    """
    if decline == Decline.AUTHENTICATION:
        return "Your bank asks you to confirm the payment."
    return _TO_CUSTOMERS.get(decline_code or code or "") or "Your bank declined the payment."
