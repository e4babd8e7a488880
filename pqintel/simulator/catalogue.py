"""What is sold: products, prices and coupons."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from .ledger import Ledger, RefusedError, verb
from .state import Coupon, Interval, Metadata, Price, Product, TaxRate, Tier

TierSpec = tuple[int | None, Decimal | int | str] | tuple[int | None, Decimal | int | str, Decimal | int | str]
"""(up to, unit amount) or (up to, unit amount, flat amount); amounts in minor units, decimals allowed."""


class Catalogue(Ledger):
    """The verbs of the catalogue."""

    @verb
    def create_product(
        self,
        name: str,
        *,
        description: str | None = None,
        unit_label: str | None = None,
        metadata: Metadata | None = None,
    ) -> Product:
        """Create a product; emits product.created."""
        product = self.put(
            Product(
                id=self.ids.new("prod"),
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                name=name,
                description=description,
                unit_label=unit_label,
                updated=self.now,
            )
        )
        self.emit("product.created", product)
        return product

    @verb
    def update_product(
        self,
        product: str,
        *,
        name: str | None = None,
        active: bool | None = None,
        description: str | None = None,
        metadata: Metadata | None = None,
    ) -> Product:
        """Change what is given; emits product.updated."""
        old = self.products[product]
        return self.update(
            old,
            "product.updated",
            name=old.name if name is None else name,
            active=old.active if active is None else active,
            description=old.description if description is None else description,
            metadata=old.metadata if metadata is None else metadata,
            updated=self.now,
        )

    @verb
    def create_price(
        self,
        product: str,
        unit_amount: int | Decimal | str | None = None,
        *,
        interval: Interval | None = "month",
        interval_count: int = 1,
        currency: str | None = None,
        tiers_mode: Literal["graduated", "volume"] | None = None,
        tiers: Sequence[TierSpec] = (),
        metered: bool = False,
        divide_by: int | None = None,
        divide_round: Literal["up", "down"] = "up",
        nickname: str | None = None,
        lookup_key: str | None = None,
        tax_behavior: Literal["inclusive", "exclusive", "unspecified"] = "unspecified",
        metadata: Metadata | None = None,
    ) -> Price:
        """Create a price; emits price.created.

        `unit_amount` is in minor units of `currency` (default: the account's) and may have decimals; leave it out
        when there are tiers. `interval` None makes a one-time price. `metered` bills reported usage in arrears.
        `divide_by` with `divide_round` is Stripe's transform_quantity. Raises RefusedError for neither or both of
        amount and tiers.
        """
        if (unit_amount is None) == (not tiers):
            raise RefusedError("a price needs either an amount or tiers")
        price = self.put(
            Price(
                id=self.ids.new("price"),
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                product=self.products[product].id,
                currency=currency or self.currency,
                nickname=nickname,
                lookup_key=lookup_key,
                recurring=interval is not None,
                interval=interval or "month",
                interval_count=interval_count,
                usage_type="metered" if metered else "licensed",
                meter=self.ids.new("mtr") if metered else None,
                billing_scheme="tiered" if tiers else "per_unit",
                unit_amount=None if unit_amount is None else Decimal(unit_amount),
                tiers_mode=(tiers_mode or "graduated") if tiers else None,
                tiers=tuple(_tier(spec) for spec in tiers),
                transform_divide_by=divide_by,
                transform_round=divide_round if divide_by else None,
                tax_behavior=tax_behavior,
            )
        )
        self.emit("price.created", price)
        return price

    @verb
    def update_price(
        self, price: str, *, active: bool | None = None, nickname: str | None = None, lookup_key: str | None = None
    ) -> Price:
        """Change what is given; emits price.updated. Subscriptions keep the copy of the price that they hold."""
        old = self.prices[price]
        return self.update(
            old,
            "price.updated",
            active=old.active if active is None else active,
            nickname=old.nickname if nickname is None else nickname,
            lookup_key=old.lookup_key if lookup_key is None else lookup_key,
        )

    @verb
    def create_coupon(
        self,
        *,
        percent_off: int | Decimal | str | None = None,
        amount_off: int | None = None,
        currency: str | None = None,
        duration: Literal["once", "repeating", "forever"] = "once",
        months: int | None = None,
        name: str | None = None,
        metadata: Metadata | None = None,
    ) -> Coupon:
        """Create a coupon; emits coupon.created.

        Either `percent_off` or `amount_off` (minor units of `currency`); `months` with duration "repeating" only.
        Raises RefusedError when they do not go together.
        """
        if (percent_off is None) == (amount_off is None):
            raise RefusedError("a coupon takes off either a percentage or an amount")
        if (duration == "repeating") != (months is not None):
            raise RefusedError("a repeating coupon, and no other, has a number of months")
        coupon = self.put(
            Coupon(
                id=self.ids.word(8),
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                name=name,
                percent_off=None if percent_off is None else Decimal(percent_off),
                amount_off=amount_off,
                currency=None if amount_off is None else currency or self.currency,
                duration=duration,
                duration_in_months=months,
            )
        )
        self.emit("coupon.created", coupon)
        return coupon

    def tax_rate(
        self,
        percentage: int | Decimal | str,
        *,
        inclusive: bool = False,
        country: str | None = None,
        display_name: str = "VAT",
    ) -> TaxRate:
        """Return a new tax rate for subscriptions and invoices. 19 means 19 %."""
        return TaxRate(
            id=self.ids.new("txr"),
            display_name=display_name,
            percentage=Decimal(percentage),
            inclusive=inclusive,
            country=country,
        )


def _tier(spec: TierSpec) -> Tier:
    up_to, unit_amount, *flat = spec
    return Tier(up_to=up_to, unit_amount=Decimal(unit_amount), flat_amount=Decimal(flat[0] if flat else 0))
