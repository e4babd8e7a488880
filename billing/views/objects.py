"""One customer, subscription, invoice or payment. What is not in this workspace and mode does not exist."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.lists.rows import Place
from billing.modes import Mode
from billing.objects.customer import customer_page
from billing.objects.invoice import invoice_page
from billing.objects.payment import payment_page
from billing.objects.subscription import subscription_page
from pqintel.workspaces.permissions import needs
from pqintel.workspaces.roles import Permission


@needs(Permission.SEE)
@require_safe
@never_cache
def customer(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """A customer."""
    place = _place(request, mode)
    page = customer_page(place, stripe_id, ZoneInfo(request.workspace.timezone), **_beside(request))
    return _shown(request, "billing/objects/customer.html", page)


@needs(Permission.SEE)
@require_safe
@never_cache
def subscription(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """A subscription."""
    page = subscription_page(_place(request, mode), stripe_id, **_beside(request))
    return _shown(request, "billing/objects/subscription.html", page)


@needs(Permission.SEE)
@require_safe
@never_cache
def invoice(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """An invoice."""
    page = invoice_page(_place(request, mode), stripe_id, **_beside(request))
    return _shown(request, "billing/objects/invoice.html", page)


@needs(Permission.SEE)
@require_safe
@never_cache
def payment(request: Any, slug: str, mode: Mode, stripe_id: str) -> HttpResponse:
    """A payment."""
    page = payment_page(_place(request, mode), stripe_id, **_beside(request))
    return _shown(request, "billing/objects/payment.html", page)


def _place(request: Any, mode: Mode) -> Place:
    return Place(request.workspace.pk, mode, timezone.now())


def _beside(request: Any) -> dict[str, str]:
    """Where in the list of versions the page lies."""
    return {name: request.GET.get(name, "") for name in ("after", "before")}


def _shown(request: Any, template: str, page: Any) -> HttpResponse:
    if page is None:
        raise Http404("There is no such object here.")
    return render(request, template, {"page": page})
