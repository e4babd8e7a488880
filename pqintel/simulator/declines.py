"""Decline codes: what a failed charge says. Source: Stripe's decline code and advice code tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AdviceCode = Literal["confirm_card_data", "do_not_try_again", "try_again_later"]


@dataclass(frozen=True, slots=True)
class Decline:
    """One decline code. `hard`: Stripe does not charge again until there is a new payment method."""

    code: str
    message: str
    advice: AdviceCode | None
    hard: bool = False
    error_code: str = "card_declined"
    """`last_payment_error.code`: most declines are `card_declined`, some say it themselves."""


_DECLINED = "Your card was declined."
_ALL = (
    Decline("insufficient_funds", "Your card has insufficient funds.", "try_again_later"),
    Decline("generic_decline", _DECLINED, "try_again_later"),
    Decline("do_not_honor", _DECLINED, "try_again_later"),
    Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "try_again_later",
        error_code="processing_error",
    ),
    Decline("issuer_not_available", _DECLINED, "try_again_later"),
    Decline("try_again_later", _DECLINED, "try_again_later"),
    Decline(
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently.",
        "try_again_later",
    ),
    Decline("reenter_transaction", _DECLINED, "try_again_later"),
    Decline("expired_card", "Your card has expired.", "confirm_card_data", error_code="expired_card"),
    Decline(
        "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", error_code="incorrect_cvc"
    ),
    Decline(
        "invalid_expiry_month",
        "Your card's expiration month is invalid.",
        "confirm_card_data",
        error_code="invalid_expiry_month",
    ),
    Decline(
        "invalid_expiry_year",
        "Your card's expiration year is invalid.",
        "confirm_card_data",
        error_code="invalid_expiry_year",
    ),
    Decline("incorrect_number", "Your card number is incorrect.", "confirm_card_data", True, "incorrect_number"),
    Decline("lost_card", _DECLINED, "do_not_try_again", True),
    Decline("stolen_card", _DECLINED, "do_not_try_again", True),
    Decline("pickup_card", _DECLINED, "do_not_try_again", True),
    Decline("revocation_of_authorization", _DECLINED, "do_not_try_again", True),
    Decline("revocation_of_all_authorizations", _DECLINED, "do_not_try_again", True),
    Decline("highest_risk_level", _DECLINED, "do_not_try_again", True),
    Decline("transaction_not_allowed", "Your card does not support this type of purchase.", "do_not_try_again", True),
    Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        None,
        True,
        "authentication_required",
    ),
)
DECLINES = {decline.code: decline for decline in _ALL}
AUTHENTICATION_REQUIRED = "authentication_required"
