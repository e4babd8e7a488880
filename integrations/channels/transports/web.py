"""POST and GET of JSON, to hosts that settings name, with nothing followed and nothing of the request in errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ssl import SSLContext
from typing import Any, Final

import httpx

from integrations.stripe.readonly import is_plain

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
LONGEST_ANSWER: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said. `json` is the object that it sent, {} where it sent none."""

    status: int
    text: str
    json: Mapping[str, Any]
    retry_after: float | None

    @property
    def wants_a_pause(self) -> bool:
        return self.status == httpx.codes.TOO_MANY_REQUESTS

    @property
    def failed_over_there(self) -> bool:
        return self.status >= 500


class NoAnswer(Exception):  # noqa: N818 - it names the outcome
    """Nothing (whole) came back. `sent`: the request may have arrived all the same."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


def ask(
    url: str, body: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None, seconds: float = 0
) -> Answer:
    """POST a JSON body, or GET without one. Ten seconds at most (`seconds` overrides), redirects are not followed.

    Raises:
        NoAnswer: there was none in time. It holds no word of the URL, which for Telegram contains the token.
    """
    deadline = time.monotonic() + (seconds or TOTAL_SECONDS)
    fault: NoAnswer
    timeout = httpx.Timeout(seconds or TOTAL_SECONDS, connect=CONNECT_SECONDS)
    plain = is_plain(url)
    verify = False if plain else _context()
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, verify=verify, trust_env=not plain) as client,
            client.stream("GET" if body is None else "POST", url, json=body, headers=headers) as response,
        ):
            return _answer(response, _read(response, deadline))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        fault = NoAnswer("No connection could be made.", sent=False)
    except httpx.TimeoutException:
        fault = NoAnswer("There was no answer in time.", sent=True)
    except httpx.HTTPError:
        fault = NoAnswer("The connection was lost before there was an answer.", sent=True)
    # Raised out here, so that it does not drag along a request with the token in its URL.
    raise fault


def _read(response: httpx.Response, deadline: float) -> bytes:
    """The body, bounded in size and in time: a peer that drips bytes never runs into the timeout of a single read."""
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LONGEST_ANSWER or time.monotonic() > deadline:
            raise httpx.ReadTimeout("too much, or too slow")
    return content


def _answer(response: httpx.Response, content: bytes) -> Answer:
    try:
        found = httpx.Response(200, content=content).json()
    except ValueError:
        found = None
    return Answer(
        status=response.status_code,
        text=" ".join(content.decode("utf-8", "replace").split())[:300],
        json=found if isinstance(found, dict) else {},
        retry_after=_seconds(response.headers.get("Retry-After")),
    )


def _seconds(text: str | None) -> float | None:
    """Retry-After: a number of seconds, or a date. None for anything else."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return max((then - datetime.now(UTC)).total_seconds(), 0.0)


_once = threading.Lock()


def _context() -> SSLContext:
    with _once:
        return _made_context()


@lru_cache(maxsize=1)
def _made_context() -> SSLContext:
    """The usual authorities (or SSL_CERT_FILE's). Made once: it reads a large file."""
    return httpx.create_ssl_context()
