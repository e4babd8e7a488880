"""Customers, subscriptions, invoices, payments and the history as lists, and each as CSV."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.lists.asked import ask
from billing.lists.customers import CUSTOMERS
from billing.lists.export import download
from billing.lists.history import HISTORY
from billing.lists.invoices import INVOICES
from billing.lists.payments import PAYMENTS
from billing.lists.rows import Listing, Place
from billing.lists.subscriptions import SUBSCRIPTIONS
from billing.modes import Mode
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def customers(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The customers of one mode."""
    return _page(request, mode, CUSTOMERS)


@needs(Permission.SEE)
@require_safe
@never_cache
def subscriptions(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The subscriptions of one mode."""
    return _page(request, mode, SUBSCRIPTIONS)


@needs(Permission.SEE)
@require_safe
@never_cache
def invoices(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The invoices of one mode."""
    return _page(request, mode, INVOICES)


@needs(Permission.SEE)
@require_safe
@never_cache
def payments(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The payments of one mode."""
    return _page(request, mode, PAYMENTS)


@needs(Permission.SEE)
@require_safe
@never_cache
def history(request: Any, slug: str, mode: Mode) -> HttpResponse:
    """The billing history of one mode."""
    return _page(request, mode, HISTORY)


# An export reads for as long as it is long: in many short transactions, none of which is the request's.
@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def customers_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same customers as CSV; a customer with MRR in two currencies has two lines."""
    return _export(request, mode, CUSTOMERS)


@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def subscriptions_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same subscriptions as CSV."""
    return _export(request, mode, SUBSCRIPTIONS)


@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def invoices_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same invoices as CSV."""
    return _export(request, mode, INVOICES)


@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def payments_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same payments as CSV."""
    return _export(request, mode, PAYMENTS)


@needs(Permission.SEE)
@transaction.non_atomic_requests
@require_safe
@never_cache
def history_csv(request: Any, slug: str, mode: Mode) -> StreamingHttpResponse:
    """The same lines of the history as CSV."""
    return _export(request, mode, HISTORY)


def _page(request: Any, mode: Mode, listing: Listing[Any, Any]) -> HttpResponse:
    asked = ask(listing, Place(request.workspace.pk, mode, timezone.now()), request.GET)
    return render(request, f"billing/lists/{listing.name}.html", {"list": asked})


def _export(request: Any, mode: Mode, listing: Listing[Any, Any]) -> StreamingHttpResponse:
    place = Place(request.workspace.pk, mode, timezone.now())
    return download(listing, place, request.workspace.slug, request.GET)
