"""Our signatures against the verification of Stripe's own library."""

import re

import pytest
import stripe

from pqintel.simulator.signing import signature, signature_header

SECRET = "whsec_" + "a" * 32
OLD_SECRET = "whsec_" + "b" * 32
BODY = '{"id": "evt_1", "name": "Zoë"}'.encode()


def test_the_header_verifies_with_stripes_own_library() -> None:
    header = signature_header(BODY, [SECRET], 1_700_000_000)
    assert stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET) is True


def test_the_signature_is_that_of_stripes_own_library() -> None:
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, timestamp=1_700_000_000)
    assert signature_header(BODY, [SECRET], 1_700_000_000) == header


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_during_a_roll_both_secrets_verify(secret: str) -> None:
    header = signature_header(BODY, [SECRET, OLD_SECRET], 1_700_000_000, noise=True)
    assert re.fullmatch(r"t=1700000000,v1=[0-9a-f]{64},v1=[0-9a-f]{64},v0=[0-9a-f]{64}", header)
    assert stripe.WebhookSignature.verify_header(BODY.decode(), header, secret) is True


def test_another_secret_does_not_verify() -> None:
    header = signature_header(BODY, [OLD_SECRET], 1_700_000_000, noise=True)
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found matching"):
        stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET)


def test_a_later_attempt_is_another_signature() -> None:
    assert signature(BODY, SECRET, 1_700_000_000) != signature(BODY, SECRET, 1_700_000_060)


def test_nothing_is_signed_without_a_secret() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        signature_header(BODY, [], 1_700_000_000)
