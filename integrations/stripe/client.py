"""Reading from Stripe: a few questions, answered in plain JSON, or one of a few errors that hold no key.

Plain JSON and not stripe-python's objects: those are no dicts, and turn decimal strings into other types.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast
from urllib.parse import quote

import stripe
from django.conf import settings

from pqintel.vault import Secret

from .kinds import Kind
from .pace import Pace
from .readonly import ReadOnlyHTTP

_SCOPE: Final = re.compile(r"\brak_\w+")
_ACCOUNT: Final = re.compile(r"\bacct_\w+")
_REASON: Final = re.compile(r"[a-z-]{1,40}")

Json = dict[str, Any]


class ReadFailed(Exception):  # noqa: N818 - it names the outcome
    """Stripe did not give what was asked for. No text of these errors holds a key or a payload."""


class KeyRefused(ReadFailed):
    """401: the key is wrong, expired or deleted."""


class PermissionMissing(ReadFailed):
    """403: the key may not read this. `scopes` and `account_id` are what Stripe's answer names."""

    def __init__(self, scopes: tuple[str, ...], account_id: str | None) -> None:
        super().__init__("The key lacks a permission: " + (", ".join(scopes) or "Stripe does not say which"))
        self.scopes, self.account_id = scopes, account_id


class NotFound(ReadFailed):
    """404: no such object, or no such page of the API."""


class RateLimited(ReadFailed):
    """429, after all repetitions. `reason` is Stripe's word for which limit it was, or empty."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"Stripe asks to slow down{f' ({reason})' if reason else ''}.")
        self.reason = reason


class Unreachable(ReadFailed):
    """No usable answer: no connection, no time, no TLS 1.3, or Stripe's own failure (5xx)."""


class RequestRefused(ReadFailed):
    """Any other 4xx: our question was wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe said, and when it was asked by Stripe's own clock (aware UTC, whole seconds, never too late)."""

    json: Json
    asked_at: datetime


class StripeReader:
    """Reads one account with one key. A context manager: it keeps its connection until it is closed.

    `base` is STRIPE_API_BASE unless given. A question that met 429, 5xx or a broken connection is repeated
    `max_retries` times, after pauses of `first_delay` seconds, doubled each time. `pace` says how many begin in a
    second; None: as fast as answers come.
    """

    def __init__(
        self,
        secret: Secret,
        *,
        base: str | None = None,
        max_retries: int = 3,
        first_delay: float = 0.5,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace
        base = (base or settings.STRIPE_API_BASE).rstrip("/")
        self._http = ReadOnlyHTTP(base, first_delay=first_delay)
        self.client = stripe.StripeClient(
            secret.reveal(),
            base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
            max_network_retries=max_retries,
            http_client=self._http,
        )

    @property
    def paced(self) -> bool:
        """Whether it keeps to a number of questions a second by itself."""
        return self._pace is not None

    def __enter__(self) -> StripeReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def account(self) -> Json:
        """The account of the key. Restricted keys often may not read it (PermissionMissing)."""
        return self.ask("/v1/account").json

    def page(self, kind: Kind, *, limit: int = 100, **filters: Any) -> Json:
        """One page of a list, newest first: `{"data": […], "has_more": …}`. `filters` in the API's own names."""
        return self.ask(kind.path, limit=limit, **filters).json

    def ping(self, kind: Kind) -> None:
        """Raise unless the key may read this kind."""
        self.page(kind, limit=1)

    def retrieve(self, kind: Kind, object_id: str, *, expand: tuple[str, ...] = ()) -> Json:
        """One object by its id."""
        return self.ask(f"{kind.path}/{quote(object_id, safe='')}", **({"expand": [*expand]} if expand else {})).json

    def webhook_endpoints(self) -> list[Json]:
        """The endpoints registered in the key's mode; Stripe allows 16, so one page holds them."""
        return cast("list[Json]", self.page(Kind.WEBHOOK_ENDPOINT)["data"])

    def invoice_payments(self, invoice: str) -> list[Json]:
        """The payments of an invoice: what links it to payment intents since API 2025-03-31."""
        return cast("list[Json]", self.page(Kind.INVOICE_PAYMENT, invoice=invoice)["data"])

    def ask(self, path: str, **parameters: Any) -> Answer:
        """GET a path of the API. Raises ReadFailed."""
        if self._pace is not None:
            self._pace.take()
        begun_at, begun = datetime.now(UTC), time.monotonic()
        response: stripe.StripeResponse | ReadFailed
        try:
            response = self.client.raw_request("get", path, **parameters)
        except stripe.StripeError as error:
            response = _failure(error)
        if isinstance(response, ReadFailed):
            raise response  # out here, because stripe-python's errors carry request and answer with them
        if not isinstance(response.data, dict):
            raise Unreachable("Stripe's answer is not an object.")
        return Answer(response.data, _asked_at(response.headers.get("date"), begun_at, time.monotonic() - begun))


def _failure(error: stripe.StripeError) -> ReadFailed:
    status, text = error.http_status, str(error)
    if isinstance(error, stripe.APIConnectionError):
        return Unreachable(_FAULTS.get(text, "Stripe could not be reached."))
    if status == 401:
        return KeyRefused("Stripe does not accept the key.")
    if status == 403:
        account = _ACCOUNT.search(text)
        return PermissionMissing(tuple(dict.fromkeys(_SCOPE.findall(text))), account.group() if account else None)
    if status == 404:
        return NotFound("Stripe has no such object.")
    if status == 429:
        told = _REASON.fullmatch((error.headers or {}).get("Stripe-Rate-Limited-Reason") or "")
        return RateLimited(told.group() if told else "")
    if status is not None and 400 <= status < 500:
        return RequestRefused(f"Stripe refused the question with status {status}.")
    return Unreachable("Stripe answered with an error of its own." if status else "Stripe could not be reached.")


_FAULTS: Final = {
    "timeout": "Stripe did not answer in time.",
    "proxy": "The proxy on the way to Stripe did not let the request through.",
    "tls": "The connection to Stripe could not be secured with TLS 1.3.",
    "connection": "No connection to Stripe.",
}


def _asked_at(date: str | None, begun_at: datetime, elapsed: float) -> datetime:
    """The start of a question by the clock of the answering side, where it says its time."""
    try:
        answered_at = parsedate_to_datetime(date) if date else begun_at + timedelta(seconds=elapsed)
    except ValueError:
        answered_at = begun_at + timedelta(seconds=elapsed)
    return (answered_at - timedelta(seconds=elapsed)).astimezone(UTC).replace(microsecond=0)
