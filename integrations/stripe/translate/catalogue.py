"""Products, prices (and the plans that they once were), and coupons: the terms that subscriptions refer to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from billing.snapshots import UNKNOWN, Coupon, CurrencyOption, Price, Product, Tier, Unknown

from .lesson import Lesson
from .part import Part

_NO_UPPER_END: Final = "inf"


def product(part: Part, lesson: Lesson) -> None:
    lesson.entry(
        Product(
            id=part.need("id", part.ref),
            name=part.told("name", part.text),
            active=_active(part),
            tier_key=_tier_key(part),
        )
    )


def price(part: Part, lesson: Lesson, *, plan: Part | None = None, billed_in: str | None = None) -> None:
    """Teaches a price or plan, and its product where that is embedded.

    `plan` is the plan beside a price, which still carried the tiers when prices did not. `billed_in` is the currency
    of the subscription: where it is not the price's own, the amounts are those of the price's currency options.
    """
    learned = read_price(part)
    if plan is not None and isinstance(learned.tiers, Unknown):
        learned = replace(learned, tiers=_tiers(plan))
    lesson.entry(learned)
    without_tiers = learned.billing_scheme == "tiered" and isinstance(learned.tiers, Unknown)
    in_another_currency = billed_in is not None and billed_in != (learned.currency or billed_in)
    if without_tiers or (in_another_currency and isinstance(learned.currency_options, Unknown)):
        lesson.want("price", learned.id)
    if (embedded := part.part("product")) is not None:
        product(embedded, lesson)


def coupon(part: Part, lesson: Lesson) -> None:
    lesson.entry(
        Coupon(
            id=part.need("id", part.ref),
            name=part.told("name", part.text),
            percent_off=part.told("percent_off", part.decimal),
            amount_off=part.told("amount_off", part.whole),
            currency=part.told("currency", part.currency),
            duration=part.told("duration", part.text),
            duration_in_months=part.told("duration_in_months", part.count),
        )
    )


def read_price(part: Part) -> Price:
    """A price's terms. A plan says the same at other places, under the same id."""
    is_plan = part.fields.get("object") == "plan"
    amount, transform = ("amount", "transform_usage") if is_plan else ("unit_amount", "transform_quantity")
    interval, interval_count, usage_type = _recurrence(part, is_plan)
    divide_by, rounding = _transform(part, transform)
    return Price(
        id=part.need("id", part.ref),
        product=part.told("product", part.ref),
        currency=part.told("currency", part.currency),
        unit_amount=_amount(part, amount),
        billing_scheme=UNKNOWN if (scheme := part.text("billing_scheme")) is None else scheme,
        tiers_mode=part.told("tiers_mode", part.text),
        tiers=_tiers(part),
        interval=interval,
        interval_count=interval_count,
        usage_type=usage_type,
        transform_divide_by=divide_by,
        transform_round=rounding,
        tax_behavior=part.told("tax_behavior", part.text),
        active=_active(part),
        nickname=part.told("nickname", part.text),
        lookup_key=part.told("lookup_key", part.text),
        currency_options=_currency_options(part),
    )


def _tier_key(part: Part) -> str | None | Unknown:
    """What the metadata says under `tier`: the one word of anybody's metadata that is kept."""
    if "metadata" not in part.fields:
        return UNKNOWN
    metadata = part.part("metadata")
    return (metadata.text("tier") or None) if metadata is not None else None


def _active(part: Part) -> bool | None | Unknown:
    return False if part.flag("deleted") else part.told("active", part.flag)


def _recurrence(part: Part, is_plan: bool) -> tuple[str | None | Unknown, int | None | Unknown, str | None | Unknown]:
    """Interval, interval count and usage type; all None for a one-off price."""
    if is_plan:
        terms = part
    elif (recurring := part.part("recurring")) is not None:
        terms = recurring
    else:
        nothing = None if "recurring" in part.fields else UNKNOWN
        return nothing, nothing, nothing
    return (
        terms.told("interval", terms.text),
        terms.told("interval_count", terms.count),
        terms.told("usage_type", terms.text),
    )


def _transform(part: Part, key: str) -> tuple[int | None | Unknown, str | None | Unknown]:
    transform = part.part(key)
    if transform is None:
        nothing = None if key in part.fields else UNKNOWN
        return nothing, nothing
    return transform.count("divide_by"), transform.text("round")


def _amount(part: Part, key: str) -> Decimal | None | Unknown:
    """An amount in minor units: the `…_decimal` field where there is one, because the other is null for fractions."""
    exact = part.decimal(f"{key}_decimal")
    return part.told(key, part.decimal) if exact is None else exact


def _tiers(part: Part) -> tuple[Tier, ...] | None | Unknown:
    """Expand-only: absent (or null) on a tiered price means unknown, on another that there are none."""
    if part.fields.get("tiers") is None:
        return None if part.fields.get("billing_scheme") == "per_unit" else UNKNOWN
    return tuple(
        Tier(
            up_to=None if tier.fields.get("up_to") == _NO_UPPER_END else tier.whole("up_to"),
            unit_amount=_known(_amount(tier, "unit_amount")),
            flat_amount=_known(_amount(tier, "flat_amount")),
        )
        for tier in part.parts("tiers")
    )


def _known(amount: Decimal | None | Unknown) -> Decimal | None:
    return None if isinstance(amount, Unknown) else amount


def _currency_options(part: Part) -> tuple[CurrencyOption, ...] | Unknown:
    options = part.part("currency_options")
    if options is None:
        return UNKNOWN
    return tuple(
        CurrencyOption(
            currency=code.lower(),
            unit_amount=_known(_amount(option, "unit_amount")),
            tiers=_tiers(option) if part.fields.get("billing_scheme") == "tiered" else None,
        )
        for code in sorted(options.fields)
        if (option := options.part(code)) is not None
    )
