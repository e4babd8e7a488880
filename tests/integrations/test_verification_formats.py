"""What is said about keys before anybody is asked: each mistake in its own words, none of them quoted."""

import pytest

from billing.modes import Mode
from integrations.stripe.verification.formats import format_problems, mode_of, mode_problems

GOOD = {
    "publishable_key": "pk_" + "test_" + "p" * 24,
    "secret_key": "rk_" + "test_" + "r" * 24,
    "webhook_secret": "whsec_" + "w" * 24,
}
BEGINS = "begins rk_test_… or sk_test_…"


def problems(**changes: str | None) -> dict[str, str]:
    values = {**GOOD, **changes}
    return format_problems(Mode.TEST, values) | mode_problems(Mode.TEST, values)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"secret_key": "sk_" + "test_" + "s" * 99},
        {"secret_key": "sk_" + "test_51H" + "s" * 20 + "_00abc"},
        {"webhook_secret": "whsec_" + "ab+/" * 8 + "=="},
    ],
)
def test_good_keys(changes: dict[str, str]) -> None:
    assert problems(**changes) == {}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("publishable_key", None, "Needed: it begins pk_test_…"),
        ("webhook_secret", "", "Needed: it begins whsec_…"),
        ("secret_key", "hello", f"This is not a key of Stripe. It {BEGINS}"),
        ("secret_key", "rk_" + "test_", f"This is not a complete key: copy all of it. It {BEGINS}"),
        ("secret_key", "sk_", f"This is not a complete key: copy all of it. It {BEGINS}"),
        (
            "secret_key",
            GOOD["publishable_key"],
            f"This is a publishable key. What belongs here {BEGINS}",
        ),
        ("secret_key", GOOD["webhook_secret"], f"This is a signing secret. What belongs here {BEGINS}"),
        ("secret_key", "acct_" + "1" * 16, f"This is an account id. What belongs here {BEGINS}"),
        (
            "secret_key",
            "sk_" + "org_test_" + "o" * 20,
            f"This is an organization's key, which reaches several accounts. What belongs here {BEGINS}",
        ),
        ("publishable_key", GOOD["secret_key"], "This is a restricted key. What belongs here begins pk_test_…"),
        ("webhook_secret", "we_" + "1" * 20, "This is the id of an endpoint. What belongs here begins whsec_…"),
        (
            "secret_key",
            GOOD["secret_key"] + " x",
            "There is a space or a line break in it: copy it again, in one piece.",
        ),
        ("secret_key", "rk_" + "test_••••1234", "This is a masked key: reveal it at Stripe, then copy it."),
        ("webhook_secret", "whsec_" + "w" * 600, "Too long for a key. It begins whsec_… and is one line."),
        (
            "secret_key",
            "rk_" + "live_" + "r" * 24,
            (
                "This is a live mode key, and this is the test mode connection. "
                "Paste the test mode key here; the live mode key belongs to the other one."
            ),
        ),
    ],
)
def test_each_mistake_in_its_own_words(field: str, value: str | None, said: str) -> None:
    assert problems(**{field: value}) == {field: said}


def test_every_wrong_field_is_named() -> None:
    live = {name: value.replace("_test_", "_live_") for name, value in GOOD.items()}
    assert sorted(problems(**live)) == ["publishable_key", "secret_key"]
    assert mode_problems(Mode.LIVE, live) == {}


def test_mode_of_a_key() -> None:
    assert [mode_of(GOOD[name]) for name in GOOD] == [Mode.TEST, Mode.TEST, None]
