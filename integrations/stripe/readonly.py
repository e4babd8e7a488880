"""The one way from this process to Stripe's API, and it can only read.

stripe-python hands every request of every service to an HTTP client. This one has no code that could send anything but
GET: not a check that might be forgotten, but the absence of a way.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import httpx
import stripe
from django.core.exceptions import ImproperlyConfigured

stripe.enable_telemetry = False

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
TIMEOUT: Final = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
_SENT: Final = frozenset({"authorization", "stripe-version", "user-agent"})
_FORBIDDEN: Final = frozenset({"stripe-account", "stripe-context"})


class OnlyReads(RuntimeError):  # noqa: N818 - it names the rule
    """Code asked for something that PQ Intel never does: write at Stripe, or act for another account."""


class ReadOnlyHTTP(stripe.HTTPClient):
    """Carries GET requests to one base URL, no body, no redirects, TLS 1.3 or (on loopback only) plain HTTP.

    `first_delay` is the pause before the first repetition, in seconds; each further one doubles it, 5 s at most.
    429 is repeated as well: stripe-python does not do that by itself.

    Raises:
        ImproperlyConfigured: the base URL would send the key in the clear.
    """

    name = "httpx"

    def __init__(self, base: str, *, first_delay: float = 0.5) -> None:
        super().__init__()
        self._base = base.rstrip("/") + "/"
        self._first_delay = first_delay
        plain = is_plain(base)
        self._http = httpx.Client(
            timeout=TIMEOUT,
            verify=False if plain else tls_1_3(),
            trust_env=not plain,
            follow_redirects=False,
        )

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Send one GET.

        Raises:
            OnlyReads: anything else was asked for; nothing was sent.
            stripe.APIConnectionError: no answer; its text is one of the words of `_fault`.
        """
        names = {name.lower(): name for name in headers or {}}
        if method.lower() != "get" or post_data is not None:
            raise OnlyReads(f"{method.upper()} was refused: PQ Intel only reads from Stripe.")
        if _FORBIDDEN & names.keys():
            raise OnlyReads("Stripe-Account was refused: PQ Intel reads the account of the key and no other.")
        if not url.startswith(self._base):
            raise OnlyReads("Another host was refused: the key goes to STRIPE_API_BASE alone.")
        sent = {names[name]: headers[names[name]] for name in _SENT & names.keys()} if headers else {}
        try:
            answer = self._http.get(url, headers=sent)
            return answer.text, answer.status_code, answer.headers
        except httpx.HTTPError as error:
            fault = _fault(error)
        # Raised out here, so that it does not drag along a request with the key in its headers.
        raise stripe.APIConnectionError(fault, should_retry=fault != "tls")  # type: ignore[no-untyped-call]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OnlyReads("PQ Intel reads from Stripe with plain GET requests and nothing else.")

    request_stream = _refuse
    request_async = _refuse
    request_stream_async = _refuse

    def close(self) -> None:
        self._http.close()

    def _should_retry(
        self,
        response: tuple[Any, int, Mapping[str, str] | None] | None,
        api_connection_error: stripe.APIConnectionError | None,
        num_retries: int,
        max_network_retries: int | None,
    ) -> bool:
        if response is not None and response[1] == httpx.codes.TOO_MANY_REQUESTS:
            return num_retries < (max_network_retries or 0)
        return bool(super()._should_retry(response, api_connection_error, num_retries, max_network_retries))

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return self._add_jitter_time(min(self._first_delay * 2 ** (num_retries - 1), float(self.MAX_DELAY)))


@lru_cache(maxsize=1)
def tls_1_3() -> ssl.SSLContext:
    """The usual authorities (or SSL_CERT_FILE's), and nothing older than TLS 1.3. Made once: it reads a large file."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only be this machine."""
    if not host or host == "localhost":
        return host == "localhost"
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_plain(base: str, name: str = "STRIPE_API_BASE") -> bool:
    """Whether the way to this base URL is plain HTTP on loopback; False is TLS. Raises ImproperlyConfigured."""
    parts = urlsplit(base)
    if parts.scheme == "https":
        return False
    if parts.scheme == "http" and is_loopback(parts.hostname):
        return True
    raise ImproperlyConfigured(f"{name} must be https:// (plain http:// is for 127.0.0.1 and localhost alone).")


def _fault(error: httpx.HTTPError) -> str:
    """Why there was no answer, in one word that holds nothing of the request."""
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ProxyError):
        return "proxy"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "connection"
