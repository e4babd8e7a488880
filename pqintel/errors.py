"""The page for what broke: a database that cannot be reached is nobody's bug, and passes."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

# Connection refused or lost (no SQLSTATE at all), connection exceptions, too many connections, shutdown and start-up.
UNREACHABLE = ("08", "53300", "57P")


def broken(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled: 503 without a database, else 500."""
    if _database_is_away(sys.exception()):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "5"})
    return server_error(request)


def _database_is_away(error: BaseException | None) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(UNREACHABLE)
