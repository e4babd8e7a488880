"""How far the reading of an account has come, as a part of pages, and the button that begins it again."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus
from integrations.stripe import backfill
from pqintel.workspaces.http import MemberRequest
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@dataclass(frozen=True, slots=True)
class Block:
    """What `integrations/_backfill.html` shows of one mode. `may_start`: connected, and this person may."""

    mode: Mode
    progress: backfill.Progress | None = None
    may_start: bool = False


def block_of(connection: Connection | None, mode: Mode, *, can_edit: bool) -> Block:
    """The block of a connection, or of none. One query. Must run in scope and a transaction."""
    if connection is None:
        return Block(mode)
    connected = connection.status == ConnectionStatus.CONNECTED
    return Block(mode, backfill.progress(connection), can_edit and connected)


@needs(Permission.SEE, change=Permission.CONFIGURE)
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def block(request: MemberRequest, slug: str, mode: Mode) -> HttpResponse:
    """GET: the block, or 204 while nothing is new since `?seen=`. POST: begin, or go on with what has stopped."""
    connection = _connection(request.workspace, mode)
    if request.method == "POST" and connection is not None and connection.status == ConnectionStatus.CONNECTED:
        backfill.start(connection)
    if not request.htmx:
        return redirect("integrations:stripe", request.workspace.slug)
    with transaction.atomic():
        shown = block_of(connection, mode, can_edit=request.membership.may(Permission.CONFIGURE))
    if shown.progress is not None and request.GET.get("seen") == str(shown.progress.version):
        return HttpResponse(status=204)
    return render(request, "integrations/_backfill.html", {"backfill": shown})


def _connection(workspace: Workspace, mode: Mode) -> Connection | None:
    with transaction.atomic():
        return Connection.objects.filter(workspace=workspace, mode=mode).first()
