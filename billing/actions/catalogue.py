"""Products, prices, coupons, discounts: what is known of them accrues, the newest word on each field wins."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from billing.snapshots import UNKNOWN, CatalogueEntry, Coupon, Discount, Price, Product, known, revive

from .bulk import Table, fetch, text, typed

_HEAD = (*text("stripe_id"), *typed("jsonb", "seen"))
TABLES: dict[type, Table] = {
    Product: Table("billing_product", (*_HEAD, *text("name", "tier_key"), *typed("boolean", "active"))),
    Price: Table(
        "billing_price",
        (
            *_HEAD,
            *text("product", "currency", "billing_scheme", "tiers_mode", "interval", "usage_type", "transform_round"),
            *text("tax_behavior", "nickname", "lookup_key"),
            *typed("numeric", "unit_amount"),
            *typed("jsonb", "tiers"),
            *typed("integer", "interval_count"),
            *typed("bigint", "transform_divide_by"),
            *typed("boolean", "active"),
        ),
    ),
    Coupon: Table(
        "billing_coupon",
        (
            *_HEAD,
            *text("name", "currency", "duration"),
            *typed("numeric", "percent_off"),
            *typed("bigint", "amount_off"),
            *typed("integer", "duration_in_months"),
        ),
    ),
    Discount: Table("billing_discount", (*_HEAD, *text("coupon"), *typed("bigint", "start", "end"))),
}
# What MRR is computed from: when one of these becomes known, subscriptions that waited for it are computed again.
_TERMS = frozenset(
    {
        "tiers",
        "currency_options",
        "coupon",
        "percent_off",
        "amount_off",
        "duration",
        "end",
        "start",
        "unit_amount",
        "interval",
    }
)
# What decides about the tier that a price gives, besides its id.
_MAPPED_BY = frozenset({"product", "lookup_key", "tier_key"})
_LABELS = {Price: "price", Coupon: "coupon", Discount: "discount", Product: "product"}

Registers = dict[str, list[Any]]
"""Per field: [position at which it was seen, value as JSON]."""


@dataclass
class Catalogue:
    """The entries that a batch needs, as they are known now."""

    workspace_id: int
    mode: str
    prices: dict[str, Price] = field(default_factory=dict)
    discounts: dict[str, Discount] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    remapped: set[tuple[type, str]] = field(default_factory=set)
    """Prices and products whose tier may be another one than before `merge`."""
    _asked: set[tuple[type, str]] = field(default_factory=set)
    _registers: dict[tuple[type, str], Registers] = field(default_factory=dict)
    _changed_prices: list[Price] = field(default_factory=list)

    def of(self, kind: type) -> dict[str, Any]:
        kinds: dict[type, dict[str, Any]] = {
            Price: self.prices,
            Discount: self.discounts,
            Coupon: self.coupons,
            Product: self.products,
        }
        return kinds[kind]

    def load(self, kind: type, ids: Iterable[str]) -> None:
        """Read the entries with these ids that were not asked for before: one query, or none."""
        wanted = sorted({i for i in ids if (kind, i) not in self._asked})
        if not wanted:
            return
        self._asked.update((kind, i) for i in wanted)
        sql = (
            f"SELECT stripe_id, seen FROM {TABLES[kind].name} "  # noqa: S608 - the table is one of ours
            "WHERE workspace_id = %s AND mode = %s AND stripe_id = ANY(%s)"
        )
        for stripe_id, seen in fetch(sql, (self.workspace_id, self.mode, wanted)):
            registers = json.loads(seen) if isinstance(seen, str) else seen
            self._registers[kind, stripe_id] = registers
            self.of(kind)[stripe_id] = _entry(kind, stripe_id, registers)

    def nameless_products(self) -> set[str]:
        """Products of prices that this batch changed, and that nothing has named yet. One query, or none."""
        products = {price.product for price in self._changed_prices if isinstance(price.product, str)}
        self.load(Product, products)
        return {product for product in products if product not in self.products or not self.products[product].name}

    def answers(self, label: str) -> bool:
        """Whether the terms that a label ("price:price_1") asks for are known."""
        what, _, stripe_id = label.partition(":")
        match what:
            case "price":
                price = self.prices.get(stripe_id)
                return price is not None and UNKNOWN not in (price.tiers, price.currency_options)
            case "coupon":
                return bool((coupon := self.coupons.get(stripe_id)) and coupon.duration)
            case "discount":
                return bool((discount := self.discounts.get(stripe_id)) and discount.coupon)
        return False

    def merge(self, learned: Iterable[tuple[int, CatalogueEntry]]) -> set[str]:
        """Take in entries seen at positions, write what changed.

        Position 0 is for entries that merely stand inside another object: what an event of their own says wins.

        Returns:
            Labels ("price:price_1") of entries whose terms became known or changed.
        """
        new: dict[type, dict[str, list[tuple[int, CatalogueEntry]]]] = {}
        for position, entry in learned:
            new.setdefault(type(entry), {}).setdefault(entry.id, []).append((position, entry))
        changed_terms: set[str] = set()
        for kind in sorted(new, key=lambda k: k.__name__):
            self.load(kind, new[kind])
            rows = []
            for stripe_id in sorted(new[kind]):
                registers = self._registers.setdefault((kind, stripe_id), {})
                moved, changed = _accrue(registers, new[kind][stripe_id])
                if moved:
                    self.of(kind)[stripe_id] = entry = _entry(kind, stripe_id, registers)
                    rows.append(_row(entry, registers))
                    if kind is Price:
                        self._changed_prices.append(entry)
                    if changed & _MAPPED_BY and kind in (Price, Product):
                        self.remapped.add((kind, stripe_id))
                    if changed & _TERMS:
                        changed_terms.add(f"{_LABELS[kind]}:{stripe_id}")
            TABLES[kind].write(self.workspace_id, self.mode, rows)
        return changed_terms


def _accrue(registers: Registers, sightings: Iterable[tuple[int, CatalogueEntry]]) -> tuple[bool, set[str]]:
    """Merge sightings into the registers: a maximum per field, so that the order of arrival does not matter.

    Returns:
        Whether a register moved, and the names of fields whose value changed.
    """
    moved, changed = False, set()
    for position, entry in sightings:
        for name, value in known(entry).items():
            old = registers.get(name)
            if name == "id" or (old is not None and _weight(old) >= _weight([position, value])):
                continue
            moved = True
            if old is None or old[1] != value:
                changed.add(name)
            registers[name] = [position, value]
    return moved, changed


def _weight(register: list[Any]) -> tuple[int, str]:
    return register[0], json.dumps(register[1], sort_keys=True)


def _entry(kind: type, stripe_id: str, registers: Registers) -> Any:
    return revive(kind, {"id": stripe_id, **{name: value for name, (_, value) in registers.items()}})


def _row(entry: CatalogueEntry, registers: Registers) -> dict[str, Any]:
    names = {f.name for f in fields(entry)} - {"id"}
    values = known(entry)
    return {"stripe_id": entry.id, "seen": registers, **{name: values.get(name) for name in names}}
