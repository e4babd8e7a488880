"""Pieces that the words of several kinds are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from alerts.machine import BURST, Decision
from billing.money import Money
from integrations.channels import Link
from pqintel.ui import figures, moments
from pqintel.ui.stripe_pages import object_page

from .base import Place


def page(place: Place, view: str, label: str, *names: str) -> Link:
    """A link to a page of this workspace and mode."""
    return Link(f"{settings.PQ_BASE_URL}{reverse(view, args=[place.slug, place.mode, *names])}", label)


def settings_page(place: Place, view: str, label: str) -> Link:
    """A link to a page that belongs to both modes."""
    return Link(f"{settings.PQ_BASE_URL}{reverse(view, args=[place.slug])}", label)


def customer_page(place: Place, customer: str | None) -> Link | None:
    return page(place, "billing:customer", "Open the customer", customer) if customer else None


def at_stripe(place: Place, kind: str, stripe_id: str | None) -> Link | None:
    """A link to an object in Stripe's own dashboard."""
    url = object_page(place.mode, kind, stripe_id) if stripe_id else ""
    return Link(url, "Open it at Stripe") if url else None


def moment(at: datetime, place: Place) -> str:
    """An instant as people of the workspace read it."""
    with timezone.override(place.zone):
        return moments.exact(at)


def amount(minor: int | Decimal, currency: str) -> str:
    return figures.money(Money(minor, currency))


def sums(by_currency: Mapping[str, int]) -> str:
    """Sums side by side: currencies are never added up."""
    return " + ".join(amount(minor, currency) for currency, minor in sorted(by_currency.items()))


def percent(value: Decimal) -> str:
    """At most one digit behind the point: "12.5 %", "10 %"."""
    rounded = value.quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    return f"{rounded.normalize():f}\N{NO-BREAK SPACE}%"


def payments(count: int | str) -> str:
    """ "1 payment", "6 payments"."""
    return f"{count} payment{'' if str(count) == '1' else 's'}"


def span(minutes: int) -> str:
    """ "hour", "90 minutes", "6 hours", "7 days": what follows "within a" or "within"."""
    if minutes == 60:
        return "an hour"
    if minutes == 1440:
        return "a day"
    if minutes % 1440 == 0:
        return f"{minutes // 1440} days"
    if minutes % 60 == 0:
        return f"{minutes // 60} hours"
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def rest(decision: Decision, one: str, many: str) -> str:
    """A group as a title: "And 3 more payments within a minute", or "3 payments in the quiet hours"."""
    what = one if decision.count == 1 else many
    if decision.since is None or decision.at - decision.since <= BURST:
        return f"And {decision.count} more {what} within a minute"
    return f"{decision.count} {what} in the quiet hours"


def lasting(time: timedelta) -> str:
    """How long something lasted, in its two largest units."""
    minutes = max(int(time.total_seconds()) // 60, 0)
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [(days, "day"), (hours, "hour"), (minutes % 60, "minute")]
    said = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number]
    return " ".join(said[:2]) or "less than a minute"
