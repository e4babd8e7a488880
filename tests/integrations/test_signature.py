"""The signature of deliveries, held against Stripe's own library."""

from unittest.mock import patch

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.stripe.signature import Reason, Refused, sign, verify

NOW = 1_790_000_000
BODY = b'{"id": "evt_1", "name": "J\xc3\xb6rg"}'
SECRET = ("whsec_" + "a" * 32).encode()
OTHER = ("whsec_" + "b" * 32).encode()
GOOD = sign(BODY, SECRET, NOW)
HEX = GOOD.partition("v1=")[2]


def refusal(header: str | bytes | None, body: bytes = BODY, secrets: tuple[bytes, ...] = (SECRET,)) -> Reason:
    with pytest.raises(Refused) as refused:
        verify(header, body, secrets, NOW)
    assert refused.value.args == (refused.value.reason.value,)
    return refused.value.reason


def stripe_accepts(header: str, body: bytes = BODY, secret: bytes = SECRET, now: float = NOW) -> bool:
    with patch("stripe._webhook.time.time", return_value=now):
        try:
            return stripe.WebhookSignature.verify_header(body, header, secret.decode(), tolerance=300)
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            return False


def test_accepts_what_stripes_library_signs_and_the_reverse() -> None:
    theirs = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET.decode(), NOW)
    assert verify(theirs, BODY, [SECRET], NOW) == 0
    assert theirs == GOOD
    assert stripe_accepts(GOOD)


def test_names_the_secret_that_matched() -> None:
    assert verify(GOOD, BODY, [OTHER, SECRET], NOW) == 1
    assert verify(GOOD, BODY, [SECRET, OTHER], NOW) == 0
    assert verify(GOOD.encode(), BODY, [SECRET], NOW) == 0


def test_one_signature_for_each_live_secret_during_a_roll() -> None:
    rolled = f"{GOOD},v1={sign(BODY, OTHER, NOW).partition('v1=')[2]},v0={'0' * 64}"
    assert verify(rolled, BODY, [OTHER], NOW) == 0
    assert verify(rolled, BODY, [SECRET], NOW) == 0


@pytest.mark.parametrize("age", [-300, -299, 0, 299, 300])
def test_tolerates_five_minutes_in_both_directions(age: int) -> None:
    assert verify(sign(BODY, SECRET, NOW - age), BODY, [SECRET], NOW) == 0


@pytest.mark.parametrize(("age", "reason"), [(301, Reason.STALE), (86_400, Reason.STALE), (-301, Reason.FUTURE)])
def test_refuses_other_times(age: int, reason: Reason) -> None:
    assert refusal(sign(BODY, SECRET, NOW - age)) is reason


def test_a_strangers_old_guess_is_a_mismatch_not_stale() -> None:
    assert refusal(sign(BODY, OTHER, NOW - 86_400)) is Reason.MISMATCH


@pytest.mark.parametrize("header", [None, "", b""])
def test_missing(header: str | bytes | None) -> None:
    assert refusal(header) is Reason.MISSING


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        f"t={NOW}",
        f"v1={HEX}",
        f"t={NOW},t={NOW},v1={HEX}",
        f"t=+{NOW},v1={HEX}",
        f"t= {NOW},v1={HEX}",
        f"t=0{NOW},v1={HEX}",
        f"t={NOW}.0,v1={HEX}",
        "t=١٧٩٠٠٠٠٠٠٠,v1=" + HEX,
        f"t={NOW}, v1={HEX}",
        f"t={NOW},v1={HEX.upper()}",
        f"t={NOW},v1={HEX[:-1]}",
        f"t={NOW},v1={HEX}0",
        f"t={NOW},v1={HEX[:-1]}é",
        f"t={NOW},v1={HEX}\n",
        f"t={NOW},v1={HEX},",
        f"t={NOW},v0={HEX}",
        f"t={NOW},v1",
        f"t={NOW}" + f",v1={HEX}" * 6,
        f"t={NOW},v1={HEX},v0=" + "0" * 1024,
        GOOD.encode() + b"\xff",
    ],
)
def test_malformed(header: str | bytes) -> None:
    assert refusal(header) is Reason.MALFORMED


def test_mismatch() -> None:
    assert refusal(GOOD, body=BODY + b" ") is Reason.MISMATCH
    assert refusal(GOOD, secrets=(OTHER,)) is Reason.MISMATCH
    assert refusal(GOOD.replace(str(NOW), str(NOW + 1))) is Reason.MISMATCH


def test_no_secret_and_an_empty_secret_match_nothing() -> None:
    assert refusal(GOOD, secrets=()) is Reason.MISMATCH
    assert refusal(sign(BODY, b"", NOW), secrets=(b"",)) is Reason.MISMATCH


def test_any_bytes_can_be_signed() -> None:
    body = bytes(range(256))
    assert verify(sign(body, SECRET, NOW), body, [SECRET], NOW) == 0


elements = st.one_of(
    st.sampled_from([f"t={NOW}", f"v1={HEX}", f"v1={'0' * 64}", f"t={NOW - 301}", "v0=" + HEX, "v1=", "t=", "t", ""]),
    st.text(max_size=20),
    st.builds("t={}".format, st.integers() | st.text(max_size=12)),
    st.builds("v1={}".format, st.text(alphabet="0123456789abcdefABCDEF", min_size=62, max_size=66)),
)


@settings(deadline=None)
@given(st.lists(elements, max_size=8).map(",".join))
def test_whatever_we_accept_stripes_library_accepts(header: str) -> None:
    try:
        verify(header, BODY, [SECRET], NOW)
    except Refused:
        return
    assert stripe_accepts(header)


@settings(deadline=None)
@given(st.binary(max_size=1100))
def test_never_raises_anything_else(header: bytes) -> None:
    assert refusal(header) in Reason
    assert refusal(header.decode("latin-1")) in Reason


@settings(deadline=None)
@given(
    body=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
    age=st.integers(-400, 400),
    decoys=st.lists(st.sampled_from([f"v1={'0' * 64}", "v0=abc", f"v0={HEX}"]), max_size=4),
)
def test_agrees_with_stripes_library_on_genuine_headers(body: str, age: int, decoys: list[str]) -> None:
    raw = body.encode()
    header = ",".join([sign(raw, SECRET, NOW - age), *decoys])
    if abs(age) <= 300:
        assert verify(header, raw, [SECRET], NOW) == 0
    else:
        assert refusal(header, raw) is (Reason.STALE if age > 0 else Reason.FUTURE)
    assert stripe_accepts(header, raw) == (age <= 300)
