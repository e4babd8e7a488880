"""The cipher: what is sealed for one place with one key opens there and nowhere else."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from pqintel.vault import Ring, SealError

ONE, TWO = "1" * 64, "2" * 64
PLACE = ("table", "column", 7, "row")


def test_opens_at_its_place() -> None:
    ring = Ring(f"k1:{ONE}")
    assert ring.unseal(ring.seal(b"plain", *PLACE), *PLACE) == b"plain"


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("other", "column", 7, "row"),
        ("table", "other", 7, "row"),
        ("table", "column", 8, "row"),
        ("table", "column", 7, "other"),
        ("table", "column", 7),
        ("tablecolumn", "", 7, "row"),
    ],
)
def test_opens_nowhere_else(elsewhere: tuple[object, ...]) -> None:
    ring = Ring(f"k1:{ONE}")
    with pytest.raises(SealError):
        ring.unseal(ring.seal(b"plain", *PLACE), *elsewhere)


def test_two_seals_of_one_text_differ() -> None:
    ring = Ring(f"k1:{ONE}")
    assert ring.seal(b"plain", *PLACE) != ring.seal(b"plain", *PLACE)


def test_every_changed_bit_is_noticed() -> None:
    ring = Ring(f"k1:{ONE}")
    sealed = ring.seal(b"plain", *PLACE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealError):
            ring.unseal(bytes(changed), *PLACE)


@pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x02\x02k1", b"\x01\x02k1", b"\x01\xff" + b"k" * 20])
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(SealError):
        Ring(f"k1:{ONE}").unseal(rubbish, *PLACE)


def test_first_key_seals_and_every_key_opens() -> None:
    old, both = Ring(f"k1:{ONE}"), Ring(f"k2:{TWO},k1:{ONE}")
    assert both.active == "k2"
    assert both.key_ids == ("k2", "k1")
    assert both.unseal(old.seal(b"plain", *PLACE), *PLACE) == b"plain"
    assert Ring.key_id(both.seal(b"plain", *PLACE)) == "k2"
    with pytest.raises(SealError, match="'k2', which is not in PQ_KEYS"):
        old.unseal(both.seal(b"plain", *PLACE), *PLACE)


def test_same_id_other_key_does_not_open() -> None:
    with pytest.raises(SealError):
        Ring(f"k1:{TWO}").unseal(Ring(f"k1:{ONE}").seal(b"plain", *PLACE), *PLACE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" , ", "empty"),
        (f"k1:{ONE[:32]}", "32 bytes"),
        (f"k1:{ONE}00", "32 bytes"),
        ("k1:" + "x" * 64, "hexadecimal"),
        (f":{ONE}", "short id of its own"),
        (f"k1:{ONE},k1:{TWO}", "short id of its own"),
        (f"clé:{ONE}", "short id of its own"),
        (ONE, "short id of its own"),
    ],
)
def test_malformed_rings_are_refused_without_quoting_a_key(text: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said) as refusal:
        Ring(text)
    assert ONE[:32] not in str(refusal.value)


def test_derived_secrets_follow_the_ring_and_the_purpose() -> None:
    old, both = Ring(f"k1:{ONE}"), Ring(f"k2:{TWO},k1:{ONE}")
    (of_k1,) = old.derive("selftest", "connection")
    assert both.derive("selftest", "connection")[1] == of_k1
    assert len({*both.derive("selftest", "connection"), *both.derive("selftest", "other"), *both.derive("other")}) == 6
    assert len(of_k1) == 32
    assert of_k1 != bytes.fromhex(ONE)
