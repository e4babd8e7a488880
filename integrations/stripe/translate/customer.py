"""Customers."""

from __future__ import annotations

from billing.snapshots import UNKNOWN, CustomerState, DiscountRef, Unknown

from . import discounts
from .lesson import Lesson
from .part import Part


def state(customer: Part) -> CustomerState:
    return CustomerState(
        id=customer.need("id", customer.ref),
        created=customer.told("created", customer.instant),
        email=customer.told("email", customer.text),
        name=customer.told("name", customer.text),
        country=_country(customer),
        currency=customer.told("currency", customer.currency),
        delinquent=customer.told("delinquent", customer.flag),
        deleted=customer.flag("deleted") is True,
        discounts=_discounts(customer),
    )


def around(customer: Part, lesson: Lesson) -> None:
    discounts.around(customer, customer.need("id", customer.ref), lesson)


def _country(customer: Part) -> str | None | Unknown:
    if "address" not in customer.fields:
        return UNKNOWN
    address = customer.part("address")
    return address.text("country") if address else None


def _discounts(customer: Part) -> tuple[DiscountRef, ...] | Unknown:
    carried = "discount" in customer.fields or "discounts" in customer.fields
    return discounts.refs(customer) if carried else UNKNOWN
