"""What a decline means for what to do next (Stripe's decline codes, and its advice where it gives one)."""

from __future__ import annotations

from typing import Final

from billing.declines import Decline

_BY_CODE: Final = {
    **dict.fromkeys(("authentication_required", "payment_intent_authentication_failure"), Decline.AUTHENTICATION),
    **dict.fromkeys(
        (
            "incorrect_number",
            "invalid_number",
            "lost_card",
            "pickup_card",
            "stolen_card",
            "revocation_of_authorization",
            "revocation_of_all_authorizations",
            "highest_risk_level",
            "transaction_not_allowed",
        ),
        Decline.HARD,
    ),
    **dict.fromkeys(
        (
            "expired_card",
            "incorrect_cvc",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
        ),
        Decline.CARD,
    ),
}

_BY_ADVICE: Final = {
    "do_not_try_again": Decline.HARD,
    "confirm_card_data": Decline.CARD,
    "try_again_later": Decline.SOFT,
}


def classify(code: str | None, decline_code: str | None, advice_code: str | None) -> Decline:
    """The kind of a decline. Authentication goes first, because no advice replaces the customer's confirmation; then
    Stripe's advice; then the codes, the more exact one before the general one. Whatever is new to us is soft.
    """
    by_code = _BY_CODE.get(decline_code or "") or _BY_CODE.get(code or "")
    if by_code is Decline.AUTHENTICATION:
        return by_code
    return _BY_ADVICE.get(advice_code or "") or by_code or Decline.SOFT
