"""What is known of objects now, field by field, in the form in which snapshots are compared: `snapshots.known`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from .actions.bulk import fetch
from .actions.catalogue import TABLES as CATALOGUE_TABLES
from .actions.catalogue import Catalogue
from .actions.discounts import discounts_of
from .actions.states import TABLES
from .metrics.recurring import recurring
from .modes import Mode
from .snapshots import (
    CatalogueEntry,
    CheckoutState,
    Coupon,
    CustomerState,
    Discount,
    InvoiceState,
    Kind,
    PaymentState,
    Price,
    State,
    SubscriptionState,
    known,
)

Fields = dict[str, Any]

STATES: Final[dict[Kind, type[State]]] = {
    Kind.CUSTOMER: CustomerState,
    Kind.SUBSCRIPTION: SubscriptionState,
    Kind.INVOICE: InvoiceState,
    Kind.PAYMENT: PaymentState,
    Kind.CHECKOUT: CheckoutState,
}
# Fields that no column holds (a customer's discounts) stand in the newest version, which also tells the fields that are
# not known from those that are empty. An object that is known by reference alone (position -1) is not known.
_STATE: Final = """
SELECT t.stripe_id, v.state, jsonb_build_object({columns})
FROM {table} t
LEFT JOIN LATERAL (
    SELECT coalesce(resolved, state) AS state FROM billing_version
    WHERE workspace_id = t.workspace_id AND mode = t.mode AND kind = %s AND object_id = t.stripe_id AND chosen
    ORDER BY position DESC LIMIT 1
) v ON true
WHERE t.workspace_id = %s AND t.mode = %s AND t.stripe_id = ANY(%s) AND t.position >= 0
"""
_ENTRY: Final = "SELECT stripe_id, seen FROM {table} WHERE workspace_id = %s AND mode = %s AND stripe_id = ANY(%s)"
_BETWEEN: Final = """
SELECT stripe_id FROM {table}
WHERE workspace_id = %s AND mode = %s AND created > %s AND created <= %s AND position >= 0 AND NOT {gone}
"""
_GONE: Final = {Kind.CUSTOMER: "deleted", Kind.INVOICE: "coalesce(status, '') = 'deleted'"}


def present(workspace_id: int, mode: Mode, kind: Kind, ids: Iterable[str]) -> dict[str, Fields]:
    """The present states of objects by id, as JSON values; instants in unix seconds. One query. Must run in scope.

    Objects that are not known whole are left out.
    """
    sql = _STATE.format(columns=_columns(kind), table=TABLES[kind].name)
    return {
        stripe_id: _merged(kind, stripe_id, _json(version), _json(columns))
        for stripe_id, version, columns in fetch(sql, (str(kind), workspace_id, str(mode), sorted(ids)))
    }


def present_entries(workspace_id: int, mode: Mode, kind: type[CatalogueEntry], ids: Iterable[str]) -> dict[str, Fields]:
    """What is known of catalogue entries by id, in the same form. One query. Must run in scope."""
    sql = _ENTRY.format(table=CATALOGUE_TABLES[kind].name)
    return {
        stripe_id: {"id": stripe_id, **{name: register[1] for name, register in _json(seen).items()}}
        for stripe_id, seen in fetch(sql, (workspace_id, str(mode), sorted(ids)))
    }


def created_between(workspace_id: int, mode: Mode, kind: Kind, after: datetime, until: datetime) -> set[str]:
    """The ids of objects created after one time, up to and with another (aware), without deleted ones. One query."""
    sql = _BETWEEN.format(table=TABLES[kind].name, gone=_GONE.get(kind, "false"))
    return {row[0] for row in fetch(sql, (workspace_id, str(mode), after, until))}


def monthly_as(
    workspace_id: int, mode: Mode, states: Sequence[SubscriptionState], entries: Iterable[CatalogueEntry], at: int
) -> dict[str, tuple[str, Decimal]]:
    """What subscriptions would be worth a month at a unix second if these were their states. At most four queries.

    Args:
        states: of subscriptions.
        entries: terms that came with them, for those that are not known here.
    """
    catalogue = Catalogue(workspace_id, str(mode))
    refs = [ref for state in states for ref in (*state.discounts, *(d for item in state.items for d in item.discounts))]
    owned = discounts_of(workspace_id, str(mode), [state.customer for state in states])
    refs += [ref for steps in owned.steps.values() for _, some in steps for ref in some]
    catalogue.load(Price, [item.price for state in states for item in state.items])
    catalogue.load(Discount, [ref.id for ref in refs if ref.id])
    for entry in entries:
        catalogue.of(type(entry)).setdefault(entry.id, entry)
    coupons = [ref.coupon for ref in refs] + [d.coupon for d in catalogue.discounts.values()]
    catalogue.load(Coupon, [coupon for coupon in coupons if isinstance(coupon, str)])
    found: dict[str, tuple[str, Decimal]] = {}
    for state in states:
        ((_, _, own),) = owned.pieces(state.customer, at, at + 1)
        worth = recurring(
            state, catalogue.prices, catalogue.discounts, catalogue.coupons, at, at + 1, customer_discounts=own
        )
        if amounts := [segment for segment in worth.segments if not segment.trial]:
            found[state.id] = (amounts[0].currency, sum((segment.monthly for segment in amounts), Decimal(0)))
    return found


def plain(value: State | CatalogueEntry) -> Fields:
    """A snapshot or entry as it was read, in the form of the functions above, without what its shape does not carry."""
    return known(value)


def _merged(kind: Kind, stripe_id: str, version: Fields | None, columns: Fields) -> Fields:
    if version is None:
        return {"id": stripe_id, **columns}
    merged = {name: columns.get(name, value) for name, value in version.items() if name in _names(kind)}
    return {**merged, "id": stripe_id}


@cache
def _names(kind: Kind) -> frozenset[str]:
    return frozenset(f.name for f in fields(STATES[kind]))


@cache
def _columns(kind: Kind) -> str:
    """The columns that hold fields of the state, as arguments of jsonb_build_object."""
    pairs = []
    for column in TABLES[kind].columns:
        name = "mode" if kind is Kind.CHECKOUT and column.name == "kind" else column.name
        if name in _names(kind):
            instant = column.type == "double precision"
            value = f't."{column.name}"'
            pairs.append(f"'{name}', " + (f"extract(epoch FROM {value})::bigint" if instant else value))
    return ", ".join(pairs)


def _json(value: Any) -> Any:
    # Django's cursor gives jsonb as text, so that its own JSONField can decode it.
    return json.loads(value) if isinstance(value, str) else value
