"""One object as Stripe shows it against what is known here. Pure, but for translating."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing.present import Fields, plain
from billing.snapshots import CatalogueEntry, Coupon, Price, Product, State, digest
from integrations.stripe.client import Json
from integrations.stripe.intake import read_event
from integrations.stripe.kinds import Kind
from integrations.stripe.translate import Untranslatable, parse, translate

PRESENT: Final = "present"
"""Stands for a whole object where the other side has none."""

LISTED: Final[dict[str, tuple[Kind, Mapping[str, Any]]]] = {
    "product": (Kind.PRODUCT, {}),
    "price": (Kind.PRICE, {}),
    "coupon": (Kind.COUPON, {}),
    "customer": (Kind.CUSTOMER, {}),
    "subscription": (Kind.SUBSCRIPTION, {"status": "all"}),
    "invoice": (Kind.INVOICE, {}),
    "payment": (Kind.PAYMENT_INTENT, {}),
}
"""What is compared, in this order, and how it is listed."""
ENTRIES: Final[dict[str, type[CatalogueEntry]]] = {"product": Product, "price": Price, "coupon": Coupon}

_UNTOLD: Final = frozenset({"hosted_invoice_url", "billing_mode"})
"""Not compared: the query of the one differs from reading to reading, the other is "classic" where a shape lacks it."""
_EXPANDED: Final = frozenset({"tiers", "currency_options"})
"""Only single reads carry these, lists do not."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An object as Stripe shows it: its known fields as JSON values, and what it was read from.

    `entries` are the terms that stand inside it.
    """

    kind: str
    id: str
    fields: Fields
    value: State | CatalogueEntry
    entries: tuple[CatalogueEntry, ...]
    json: Json
    asked_at: datetime

    @property
    def digest(self) -> str:
        """The same for the same object, whether it was listed or read by itself."""
        return digest({name: value for name, value in self.fields.items() if name not in _EXPANDED | _UNTOLD})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one object. `field` empty: the object is missing on the side that is None."""

    kind: str
    id: str
    field: str
    ours: Any
    theirs: Any


def shown(kind: str, mode: str, carried: Json, asked_at: datetime) -> Shown | None:
    """What an object that was read says, by the translator of events; None where it cannot be translated."""
    try:
        learned = translate(parse(json.dumps(read_event(mode, carried, asked_at)).encode()))
    except Untranslatable:
        return None
    if learned is None:
        return None
    values: list[State | CatalogueEntry] = [snapshot.state for snapshot in learned.snapshots]
    if kind in ENTRIES:
        values = [e for e in learned.catalogue if type(e) is ENTRIES[kind] and e.id == carried.get("id")]
    if not values:
        return None
    fields = plain(values[0])
    if kind == "subscription" and carried.get("items", {}).get("has_more"):
        del fields["items"]  # only the first of them are shown
    return Shown(kind, values[0].id, fields, values[0], learned.catalogue, carried, asked_at)


def differences(theirs: Shown, ours: Fields | None) -> list[Difference]:
    """Where the two differ. A field that one side does not carry is no difference."""
    if ours is None:
        if theirs.fields.get("deleted"):
            return []
        return [Difference(theirs.kind, theirs.id, "", None, PRESENT)]
    return [
        Difference(theirs.kind, theirs.id, name, ours[name], value)
        for name, value in theirs.fields.items()
        if name not in _UNTOLD and name in ours and not same_value(name, ours[name], value)
    ]


def same_value(name: str, ours: Any, theirs: Any) -> bool:
    """Whether two values of a field say the same."""
    if name == "discounts":
        return _same_discounts(ours, theirs)
    if name == "items":
        return len(ours) == len(theirs) and all(
            {**one, "discounts": None} == {**other, "discounts": None}
            and _same_discounts(one["discounts"], other["discounts"])
            for one, other in zip(ours, theirs, strict=True)
        )
    return bool(ours == theirs)


def is_gone(kind: str, ours: Fields | None) -> bool:
    """Whether we know that an object is not at Stripe any more, or do not know the object."""
    if ours is None:
        return True
    return bool(ours.get("deleted")) or (kind == "invoice" and ours.get("status") == "deleted")


def stake(difference: Difference, ours: Fields | None, theirs: Fields | None) -> tuple[Decimal, str] | None:
    """What a difference of an invoice or payment is about: Stripe's amount less ours, in minor units; None: no money.

    Where the status differs, or the object is missing on a side, it is about the whole amount.
    """
    whole = {"invoice": "amount_due", "payment": "amount"}.get(difference.kind)
    either = theirs or ours or {}
    if whole is None or not either.get("currency"):
        return None
    if difference.field in ("", "status"):
        amount = either.get(whole)
        sign = -1 if theirs is None else 1
        return (Decimal(sign * amount), either["currency"]) if amount else None
    if not difference.field.startswith("amount") and difference.field not in ("subtotal", "total", "tax"):
        return None
    return Decimal((difference.theirs or 0) - (difference.ours or 0)), either["currency"]


def _same_discounts(ours: list[Fields] | None, theirs: list[Fields] | None) -> bool:
    """In the oldest shapes discounts have no id: what has none may be the one that has."""
    one, other = ours or [], theirs or []
    return len(one) == len(other) and all(
        a == b or a.get("id") is None or b.get("id") is None for a, b in zip(one, other, strict=True)
    )
