"""Receiving: verify, store, ring, answer. Nothing else happens while Stripe waits.

A middleware and not a view, so that a delivery passes neither sessions nor CSRF nor logging. The answers are 200, 400,
405, 413 and 503, never a redirect; 200 only once the event is durably in the inbox.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from billing.lanes import lane_of
from billing.modes import Mode
from pqintel.queue import Doorbell
from pqintel.vault import SealError, seal
from pqintel.workspaces.postgres.patience import answers_within

from .refusals import refusals
from .routes import REREAD_SECONDS, Route, routes
from .selftest import SELFTEST_PREFIX, selftest_secrets
from .signature import Reason, Refused, verify

log = logging.getLogger(__name__)
T = TypeVar("T")

PATH: Final = "/webhooks/stripe/"
LONGEST_BODY: Final = 2 * 1024 * 1024
PATIENCE_SECONDS: Final = 4.0
"""For a database that hangs: with the attempt of a new connection (3 s), the 503 leaves within seven seconds."""
_RECEIVE: Final = "SELECT inbox_receive(%s, %s, %s, %s, %b, %s)"

doorbell = Doorbell("integrations.tasks.drain", queue="drain")


class WebhookMiddleware:
    """The first middleware: answers deliveries itself and lets everything else pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(PATH):
            return receive(request)
        return self.get_response(request)


def receive(request: HttpRequest) -> HttpResponse:
    """Answer one delivery. Bad signatures and unknown URLs are answered alike; a database that is away gives 503."""
    if request.method != "POST":
        return HttpResponse(
            "Deliveries are POST requests.\n", status=405, content_type="text/plain", headers={"Allow": "POST"}
        )
    body = _body(request)
    if body is None:
        return _answer(413, "The body is larger than 2 MiB.")
    token = request.path_info[len(PATH) :].removesuffix("/")
    header = request.META.get("HTTP_STRIPE_SIGNATURE")
    try:
        with answers_within(PATIENCE_SECONDS):
            return _accept(token, header, body)
    except Refused:
        return _answer(400, "Not a valid delivery for this URL.")
    except SealError:
        log.error("Credentials cannot be opened: a key is missing from PQ_KEYS. Deliveries are put off.")
    except DatabaseError as error:
        log.warning("A delivery was put off: %s.", type(error).__name__)
        connection.close()
    return _answer(503, "Not now; please deliver again later.", retry_after=5)


def _accept(token: str, header: str | None, body: bytes) -> HttpResponse:
    event_id = _event_id(body)
    route, proves = _verify(token, header, body, event_id)
    sealed = seal(body, "integrations_inboxevent", "body", route.workspace_id, event_id)
    row = (route.workspace_id, route.connection_id, route.mode, event_id, sealed, proves)
    try:
        _twice(lambda: _store(row))
    except IntegrityError:
        # The connection, or its whole workspace, was deleted within the seconds for which its route is remembered.
        if _twice(lambda: routes.find(token, fresher_than=0)) is not None:
            raise
        refusals.count_unknown()
        raise Refused(Reason.MISMATCH) from None
    doorbell.ring(lane_of(route.workspace_id, Mode(route.mode)))
    return _answer(200, "Received.")


def _verify(token: str, header: str | None, body: bytes, event_id: str) -> tuple[Route, bool]:
    """The route of a genuine delivery, and whether it proves the current signing secret. Raises Refused."""
    route = _twice(lambda: routes.find(token))
    try:
        return _check(route, header, body, event_id)
    except Refused as refused:
        if route is None:
            refusals.count_unknown()
            raise
        if refused.reason is Reason.MISMATCH:
            # The secret may have been changed a moment ago, in another process.
            fresh = _twice(lambda: routes.find(token, fresher_than=REREAD_SECONDS))
            if fresh is not None and fresh.secrets != route.secrets:
                return _check(fresh, header, body, event_id)
        refusals.count(route.workspace_id, route.connection_id, refused.reason)
        raise


def _check(route: Route | None, header: str | None, body: bytes, event_id: str) -> tuple[Route, bool]:
    secrets = route.secrets if route is not None else ()
    if route is not None and event_id.startswith(SELFTEST_PREFIX):
        verify(header, body, selftest_secrets(route.connection_id), time.time())
        return route, False
    index = verify(header, body, secrets, time.time())
    if route is None:  # nobody can sign for nobody: verify has compared against a secret that no one knows
        raise Refused(Reason.MISMATCH)
    return route, route.proves(index)


def _store(row: tuple[Any, ...]) -> None:
    # No health check first: a stale connection shows itself by failing, and _twice makes a new one.
    connection.health_check_done = True  # type: ignore[attr-defined]  # django-stubs does not know it
    with _binary_cursor() as cursor:
        cursor.execute(_RECEIVE, row)


def _binary_cursor() -> CursorWrapper:
    """A cursor that hands parameters over beside the statement.

    Django's own writes them into it: a body twice as long, for PostgreSQL to read back.
    """
    connection.ensure_connection()
    cursor: Any = psycopg.Cursor(connection.connection)
    return connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor)


def _twice(ask: Callable[[], T]) -> T:
    """Ask the database, once more on a new connection if the old one is gone (it was restarted, say)."""
    was_connected = connection.connection is not None
    try:
        return ask()
    except (OperationalError, InterfaceError):
        connection.close()
        if not was_connected:  # a new connection has just been tried
            raise
        return ask()


def _event_id(body: bytes) -> str:
    """The event's id, or `sha256:…` where the body does not give one that can be stored."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    event_id = event.get("id") if isinstance(event, dict) else None
    if isinstance(event_id, str) and 0 < len(event_id) <= 255 and event_id.isascii() and event_id.isprintable():
        return event_id
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _body(request: HttpRequest) -> bytes | None:
    """The raw bytes, or None when there are too many. A client that goes away gives nothing, which verifies as bad."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > LONGEST_BODY:
        return None
    try:
        return request.body
    except RequestDataTooBig:
        return None
    except UnreadablePostError:
        return b""


def _answer(status: int, text: str, retry_after: int | None = None) -> HttpResponse:
    # CommonMiddleware, which tells lengths, is behind us; without one the server answers in chunks, three writes each.
    headers = {"Cache-Control": "no-store", "Content-Length": str(len(text) + 1)}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return HttpResponse(text + "\n", status=status, content_type="text/plain", headers=headers)
