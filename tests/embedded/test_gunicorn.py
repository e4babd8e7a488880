"""What gunicorn logs never holds the token of a webhook URL."""

import logging

import pytest

from pqintel import gunicorn
from pqintel.gunicorn import MaskSecretPaths


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("Failed: %s %s", ("POST", "/webhooks/stripe/t0ken-A/"), "Failed: POST /webhooks/stripe/…/"),
        ("Failed: %s", ("/webhooks/stripe/t0ken?x=1",), "Failed: /webhooks/stripe/…?x=1"),
        ("line '/webhooks/stripe/t0ken'", (), "line '/webhooks/stripe/…'"),
        ("Worker %s started", (7,), "Worker 7 started"),
        ("/webhooks/stripe/100%", (), "/webhooks/stripe/…"),
    ],
)
def test_tokens_are_masked(message: str, arguments: tuple[object, ...], logged: str) -> None:
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "", 0, message, arguments, None)
    assert MaskSecretPaths().filter(record) is True
    assert record.getMessage() == logged


def test_there_is_no_access_log_and_no_control_socket() -> None:
    assert (gunicorn.accesslog, gunicorn.control_socket_disable) == (None, True)


def test_a_stop_fits_into_ten_seconds() -> None:
    assert gunicorn.graceful_timeout < 10
