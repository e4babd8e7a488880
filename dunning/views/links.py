"""Pages behind links in mails, for people without an account: a button each, because mail scanners open links."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from dunning.letters import compose, outbox, senders
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.permissions import public
from pqintel.workspaces.tenancy import scope, scoped_transaction


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the signed link is all that it takes
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Where a customer says that they want no more letters, but those about what they owe. From a copy: what it is."""
    found = compose.unsubscriber(token)
    workspace = Workspace.objects.filter(pk=found[0]).first() if found else None
    if found is None or workspace is None:
        return render(request, "dunning/letters/unsubscribe.html", {"wrong": True}, status=404)
    _, mode, address = found
    said = request.method == "POST" and bool(address)
    if said:
        with scoped_transaction(workspace):
            outbox.unsubscribe(workspace.pk, mode, address, timezone.now())
    context = {"address": address, "name": "", "done": said}
    with scoped_transaction(workspace):
        context["name"] = compose.identity_of(workspace.pk).name
    return render(request, "dunning/letters/unsubscribe.html", context)


@public
@transaction.non_atomic_requests
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sender_confirm(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Where the owner of an address says that a workspace may send letters from it."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:  # the same answer as for a wrong link: it tells nobody which workspaces there are
        return render(request, "dunning/letters/sender_confirm.html", {"sender": None}, status=404)
    with scope(workspace), transaction.atomic():
        found = senders.addressed(workspace, token)
        if found is not None and request.method == "POST":
            senders.confirm(found, timezone.now())
    context = {
        "sender": found,
        "workspace": workspace,
        "confirmed": found is not None and (request.method == "POST" or found.verified_at is not None),
    }
    return render(request, "dunning/letters/sender_confirm.html", context, status=404 if found is None else 200)
