"""Products, prices, plans, coupons and discounts."""

from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, decimal_text, head, whole
from pqintel.simulator.state import Coupon, Discount, Price, Product, Tier


def render_product(product: Product, family: Family) -> Json:
    """Return a product."""
    rendered: Json = {
        **head(product),
        "active": product.active,
        "attributes": [],
        "description": product.description,
        "images": [],
        "name": product.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "type": "service",
        "unit_label": product.unit_label,
        "updated": product.updated,
        "url": None,
    }
    if family.invoice_extras:
        rendered |= {"default_price": product.default_price, "tax_code": None}
    if family.advice_codes:
        rendered["marketing_features"] = []
    return rendered


def render_price(price: Price, family: Family, *, tiers: bool = False) -> Json:
    """Return a price. Its tiers stand in it only when asked for, as with `expand[]=tiers`."""
    recurring: Json | None = None
    if price.recurring:
        recurring = {
            "interval": price.interval,
            "interval_count": price.interval_count,
            "trial_period_days": price.trial_period_days,
            "usage_type": price.usage_type,
        }
        if family.legacy_usage:
            recurring["aggregate_usage"] = "sum" if price.metered else None
        if family.advice_codes:
            recurring["meter"] = price.meter
    rendered: Json = {
        **head(price),
        "active": price.active,
        "billing_scheme": price.billing_scheme,
        "currency": price.currency,
        "lookup_key": price.lookup_key,
        "nickname": price.nickname,
        "product": price.product,
        "recurring": recurring,
        "tiers_mode": price.tiers_mode,
        "transform_quantity": _transform(price),
        "type": "recurring" if price.recurring else "one_time",
        "unit_amount": whole(price.unit_amount),
        "unit_amount_decimal": None if price.unit_amount is None else decimal_text(price.unit_amount),
    }
    if family.invoice_extras:
        rendered |= {"custom_unit_amount": None, "tax_behavior": price.tax_behavior}
    if tiers:
        rendered["tiers"] = render_tiers(price)
    return rendered


def render_plan(price: Price, family: Family, *, tiers: bool = False) -> Json:
    """Return the plan that older versions show instead of the price, and all versions beside it."""
    rendered: Json = {
        **head(price),
        "object": "plan",
        "active": price.active,
        "amount": whole(price.unit_amount),
        "amount_decimal": None if price.unit_amount is None else decimal_text(price.unit_amount),
        "billing_scheme": price.billing_scheme,
        "currency": price.currency,
        "interval": price.interval,
        "interval_count": price.interval_count,
        "nickname": price.nickname,
        "product": price.product,
        "tiers_mode": price.tiers_mode,
        "transform_usage": _transform(price),
        "trial_period_days": price.trial_period_days,
        "usage_type": price.usage_type,
    }
    if family.legacy_usage:
        rendered["aggregate_usage"] = "sum" if price.metered else None
        rendered["tiers"] = None
    else:
        rendered["meter"] = price.meter
    if price.tiers and (tiers or family.tiers_in_plan):
        rendered["tiers"] = render_tiers(price)
    return rendered


def render_currency_options(price: Price, *, tiers: bool = False) -> Json:
    """Return what `expand[]=currency_options` adds to a price: it is sold in its own currency alone."""
    option: Json = {
        "custom_unit_amount": None,
        "tax_behavior": price.tax_behavior,
        "unit_amount": whole(price.unit_amount),
        "unit_amount_decimal": None if price.unit_amount is None else decimal_text(price.unit_amount),
    }
    if tiers:
        option["tiers"] = render_tiers(price)
    return {price.currency: option}


def _transform(price: Price) -> Json | None:
    if price.transform_divide_by is None:
        return None
    return {"divide_by": price.transform_divide_by, "round": price.transform_round}


def render_tiers(price: Price) -> list[Json] | None:
    """Return a price's tiers, None when it is not tiered."""
    return [_tier(tier) for tier in price.tiers] or None


def _tier(tier: Tier) -> Json:
    flat, unit = tier.flat_amount or None, tier.unit_amount
    return {
        "flat_amount": whole(flat),
        "flat_amount_decimal": None if flat is None else decimal_text(flat),
        "unit_amount": whole(unit),
        "unit_amount_decimal": decimal_text(unit),
        "up_to": tier.up_to,
    }


def render_coupon(coupon: Coupon) -> Json:
    """Return a coupon, which has one shape in all versions. `percent_off` is a JSON number, as at Stripe."""
    return {
        **head(coupon),
        "amount_off": coupon.amount_off,
        "currency": coupon.currency,
        "duration": coupon.duration,
        "duration_in_months": coupon.duration_in_months,
        "max_redemptions": coupon.max_redemptions,
        "name": coupon.name,
        "percent_off": None if coupon.percent_off is None else float(coupon.percent_off),
        "redeem_by": coupon.redeem_by,
        "times_redeemed": coupon.times_redeemed,
        "valid": coupon.valid,
    }


def render_discount(discount: Discount, family: Family) -> Json:
    """Return a discount with its coupon inside, or with its coupon's id in `source` where the family does so."""
    rendered: Json = {
        "object": "discount",
        "customer": discount.customer,
        "end": discount.end,
        "start": discount.start,
        "subscription": discount.subscription,
    }
    if family.named_discounts:
        rendered = {
            "id": discount.id,
            **rendered,
            "checkout_session": None,
            "invoice": discount.invoice,
            "invoice_item": None,
            "promotion_code": discount.promotion_code,
        }
    if family.subscription_discounts:
        rendered["subscription_item"] = discount.subscription_item
    if family.coupon_in_source:
        rendered["source"] = {"coupon": discount.coupon.id, "type": "coupon"}
    else:
        rendered["coupon"] = render_coupon(discount.coupon)
    return rendered
