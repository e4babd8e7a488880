"""Cards as Stripe's API tells of them: on charges that succeeded, and which one pays for a customer's subscriptions.

Events tell no expiry date, and payment methods are not among what the key may read; but every charge of a card says
when that card expires. Brand, last four digits and expiry are taken from it, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from .client import Json, NotFound, StripeReader, Unreachable
from .kinds import Kind
from .translate import parse
from .translate.part import Part
from .translate.untranslatable import Untranslatable


@dataclass(frozen=True, slots=True)
class ChargedCard:
    """A card on a charge that succeeded at `charged_at` (aware). It is valid until the end of `exp_month`."""

    customer: str
    payment_method: str
    brand: str
    last4: str
    exp_year: int
    exp_month: int
    charge: str
    charged_at: datetime


@dataclass(frozen=True, slots=True)
class Paying:
    """A subscription that Stripe goes on collecting by itself, `until` an announced end (aware; None: none), and the
    payment method that it does that with: Stripe's id, or None where none is set."""

    subscription: str
    payment_method: str | None
    until: datetime | None


def cards_on(page: Json) -> Iterator[ChargedCard]:
    """The cards on a page of charges. Passed over: what failed, other ways to pay, cards without expiry, guests."""
    for charge in page["data"]:
        try:
            card = _card(_part(charge, "charge"))
        except Untranslatable:  # of a shape that nobody has seen yet; it says nothing that could be used
            continue
        if card is not None:
            yield card


def paying(reader: StripeReader, customer: str) -> list[Paying]:
    """The customer's subscriptions that run on and are collected automatically, as Stripe has them now.

    One question, a second one where a subscription leaves the payment method to its customer. Empty also where the
    customer is gone. Raises ReadFailed.
    """
    try:
        listed = [_part(each, "subscription") for each in reader.page(Kind.SUBSCRIPTION, customer=customer)["data"]]
        found = [_paying(each) for each in listed if _goes_on(each)]
        if all(each.payment_method for each in found):
            return found
        usual = _usual(_part(reader.retrieve(Kind.CUSTOMER, customer), "customer"))
    except NotFound:
        return []
    except Untranslatable:
        raise Unreachable("Stripe's answer has another shape than the known ones.") from None
    return [replace(each, payment_method=each.payment_method or usual) for each in found]


def _part(carried: Json, name: str) -> Part:
    """An object that was read, held to the same rules as one that an event carries."""
    return Part(parse(json.dumps(carried).encode()), name)


def _card(charge: Part) -> ChargedCard | None:
    customer, payment_method = charge.ref("customer"), charge.ref("payment_method")
    details = charge.part("payment_method_details")
    card = details.part("card") if details else None
    if charge.text("status") != "succeeded" or customer is None or payment_method is None or card is None:
        return None
    year, month, last4 = card.whole("exp_year"), card.whole("exp_month"), card.text("last4")
    if year is None or month is None or not last4 or not (2000 <= year < 3000 and 1 <= month <= 12):
        return None
    charged_at = datetime.fromtimestamp(charge.need("created", charge.instant), UTC)
    return ChargedCard(
        customer,
        payment_method,
        (card.text("brand") or "")[:40],
        last4[-4:],
        year,
        month,
        charge.need("id", charge.ref),
        charged_at,
    )


def _goes_on(subscription: Part) -> bool:
    return (
        subscription.text("status") in ("active", "trialing")
        and subscription.text("collection_method") == "charge_automatically"
        and subscription.part("pause_collection") is None
        and not subscription.flag("cancel_at_period_end")
    )


def _paying(subscription: Part) -> Paying:
    ends = subscription.instant("cancel_at")
    return Paying(
        subscription.need("id", subscription.ref),
        subscription.ref("default_payment_method") or subscription.ref("default_source"),
        None if ends is None else datetime.fromtimestamp(ends, UTC),
    )


def _usual(customer: Part) -> str | None:
    """What pays where the subscription does not say: the newer way of setting it goes before the older one."""
    settings = customer.part("invoice_settings")
    return (settings.ref("default_payment_method") if settings else None) or customer.ref("default_source")
