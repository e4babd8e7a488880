"""What a backfill reads, in which order: owners before what they own, and terms before what refers to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from integrations.stripe.kinds import Kind


@dataclass(frozen=True, slots=True)
class Stage:
    """One list. `filters` are the API's parameters; expansions have at most four levels, `data` included."""

    kind: Kind
    label: str
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.kind.value


STAGES: Final = (
    Stage(Kind.CUSTOMER, "Customers", {"expand": ["data.discount.source.coupon"]}),
    Stage(Kind.PRODUCT, "Products"),
    Stage(Kind.PRICE, "Prices", {"expand": ["data.tiers", "data.currency_options.tiers"]}),
    Stage(Kind.COUPON, "Coupons"),
    Stage(
        Kind.SUBSCRIPTION,
        "Subscriptions",
        {"status": "all", "expand": ["data.discounts.source.coupon", "data.items.data.discounts"]},
    ),
    Stage(Kind.INVOICE, "Invoices"),
    Stage(Kind.PAYMENT_INTENT, "Payments"),
    Stage(Kind.CHECKOUT_SESSION, "Checkouts", {"status": "complete"}),
    Stage(Kind.INVOICE_PAYMENT, "Payments of invoices"),
    Stage(Kind.EVENT, "Events of the last 30 days"),
)
BY_NAME: Final = {stage.name: stage for stage in STAGES}
FIRST: Final = STAGES[0].name


def after(name: str) -> str:
    """The name of the stage that follows; empty after the last one."""
    names = [stage.name for stage in STAGES]
    return (*names, "")[names.index(name) + 1]
