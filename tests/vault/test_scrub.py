"""The last net: nothing that looks like a secret leaves in a log line."""

import logging

import pytest

from pqintel.vault.scrub import ScrubFilter, scrub

STRIPE_KEY = "sk_" + "live_" + "a1B2" * 6


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"key {STRIPE_KEY} refused", "key ••• refused"),
        ("rk_" + "test_" + "x" * 20, "•••"),
        ("pk_" + "test_" + "x" * 20, "•••"),
        ("secret=whsec_" + "ab/+=" * 4 + "!", "secret=•••!"),
        ("xoxb-" + "1234-abc", "•••"),
        ("https://hooks.slack.com/services/" + "T0/B0/abc", "https://•••"),
        ("bot 1234567:" + "A" * 35, "bot •••"),
        ("PQ_KEYS=k1:" + "0f" * 32, "PQ_KEYS=k1:•••"),
        ("sha256:" + "0f" * 32, "sha256:" + "0f" * 32),
        ("POST /webhooks/stripe/tok-en_1/ 400", "POST /webhooks/stripe/•••/ 400"),
        ("postgres://me:word@host/db", "postgres://•••@host/db"),
        ("invoice in_123 of cus_456 paid", "invoice in_123 of cus_456 paid"),
    ],
)
def test_scrub(text: str, left: str) -> None:
    assert scrub(text) == left


def test_filter_takes_message_arguments_and_traceback() -> None:
    try:
        raise ValueError(STRIPE_KEY)
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "with %s", (STRIPE_KEY,), exc_info)
    record.stack_info = f"line with {STRIPE_KEY}"
    assert ScrubFilter().filter(record)
    line = logging.Formatter().format(record)
    assert STRIPE_KEY not in line
    assert line.startswith("with •••\nTraceback")
    assert line.endswith("line with •••")
    assert "ValueError: •••" in line
