"""A customer's page: who they are, what they are worth and were, and everything that is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.lists.customers import CUSTOMERS, CustomerRow
from billing.lists.filters import Filter
from billing.lists.history import HISTORY, HistoryRow
from billing.lists.invoices import INVOICES, InvoiceRow
from billing.lists.payments import PAYMENTS, PaymentRow
from billing.lists.rows import Place
from billing.lists.subscriptions import SUBSCRIPTIONS, SubscriptionRow
from billing.models import Customer, MrrSpan
from billing.money import Money
from billing.snapshots import Kind

from .access import AccessCard, access_card
from .course import course
from .failures import FailureRow, failures
from .parts import LINES, Some, newest
from .versions import Versions, versions


@dataclass(frozen=True)
class Course:
    """MRR of one currency: now, and by day in major units."""

    mrr: Money
    series: list[tuple[date, Decimal]]


@dataclass(frozen=True)
class CustomerPage:
    """Everything about one customer; `courses` has the currencies in which they ever had MRR."""

    record: Customer
    row: CustomerRow
    access: AccessCard
    courses: tuple[Course, ...]
    subscriptions: Some[SubscriptionRow]
    invoices: Some[InvoiceRow]
    payments: Some[PaymentRow]
    failures: Some[FailureRow]
    history: Some[HistoryRow]
    versions: Versions


def customer_page(
    place: Place, stripe_id: str, zone: ZoneInfo, after: str = "", before: str = ""
) -> CustomerPage | None:
    """The page of a customer; None where there is no such one. A fixed number of queries. Must run in scope.

    Args:
        zone: where days end.
        after, before: the place in the list of versions, if it is not its beginning.
    """
    record = place.all(Customer).filter(stripe_id=stripe_id).first()
    if record is None:
        return None
    (row,) = CUSTOMERS.rows(place, [record])
    worth = {money.currency: money for money in row.mrr}
    courses = course(place.all(MrrSpan).filter(customer=stripe_id), zone, place.now)
    theirs = Filter(customer=stripe_id)
    return CustomerPage(
        record=record,
        row=row,
        access=access_card(place, stripe_id),
        courses=tuple(Course(worth.get(c, Money(0, c)), series) for c, series in courses.items()),
        subscriptions=newest(SUBSCRIPTIONS, place, theirs),
        invoices=newest(INVOICES, place, theirs),
        payments=newest(PAYMENTS, place, theirs),
        failures=failures(place, stripe_id),
        history=newest(HISTORY, place, theirs, LINES),
        versions=versions(place, Kind.CUSTOMER, stripe_id, after, before),
    )
