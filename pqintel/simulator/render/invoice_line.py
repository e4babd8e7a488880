"""Lines of invoices, and the amounts of tax and discount that lines and invoices share."""

from pqintel.simulator.render.catalogue import render_plan, render_price
from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, decimal_text, tax_rate
from pqintel.simulator.state import InvoiceLine, Metadata, TaxAmount


def render_line(line: InvoiceLine, family: Family, subscription_metadata: Metadata | None = None) -> Json:
    """Return one line. A subscription's line shows the metadata of its subscription, as Stripe's do."""
    metadata = line.metadata or (subscription_metadata if line.type == "subscription" else None) or {}
    rendered: Json = {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": line.currency,
        "description": line.description,
        "discountable": line.discountable,
        "livemode": line.livemode,
        "metadata": dict(metadata),
        "period": {"end": line.period_end, "start": line.period_start},
        "quantity": line.quantity,
    }
    if family.named_discounts:
        rendered["discount_amounts"] = discount_amounts(line.discount_amounts)
        rendered["discounts"] = [discount for discount, _ in line.discount_amounts]
    if family.invoice_extras:
        rendered["invoice"] = line.invoice
    return rendered | (_since_basil(line, family) if family.invoice_parent else _until_acacia(line, family))


def _until_acacia(line: InvoiceLine, family: Family) -> Json:
    rendered: Json = {
        "plan": render_plan(line.price, family) if line.price and line.price.recurring else None,
        "proration": line.proration,
        "subscription": line.subscription,
        "tax_amounts": [tax_amount(tax, family) for tax in line.taxes],
        "tax_rates": [tax_rate(tax.rate, line.livemode) for tax in line.taxes],
        "type": line.type,
    }
    if line.subscription_item:
        rendered["subscription_item"] = line.subscription_item
    if line.invoice_item:
        rendered["invoice_item"] = line.invoice_item
    if family.prices:
        rendered["price"] = render_price(line.price, family) if line.price else None
    if family.invoice_extras:
        excluded = line.amount - sum(tax.amount for tax in line.taxes if tax.rate.inclusive)
        rendered |= {"amount_excluding_tax": excluded, "proration_details": {"credited_items": None}}
    return rendered


def _since_basil(line: InvoiceLine, family: Family) -> Json:
    rendered: Json = {
        "parent": _parent(line),
        "pretax_credit_amounts": [],
        "pricing": _pricing(line),
        "taxes": [total_tax(tax) for tax in line.taxes],
    }
    if family.line_subtotal:
        quantity = None if line.quantity is None else str(line.quantity)
        rendered |= {"subtotal": line.amount, "quantity_decimal": quantity}
    return rendered


def _parent(line: InvoiceLine) -> Json:
    proration: Json = {"proration": line.proration, "proration_details": {"credited_items": None}}
    if line.type == "subscription":
        details: Json = {
            "invoice_item": line.invoice_item,
            **proration,
            "subscription": line.subscription,
            "subscription_item": line.subscription_item,
        }
        return {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        }
    details = {"invoice_item": line.invoice_item, **proration, "subscription": line.subscription}
    return {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}


def _pricing(line: InvoiceLine) -> Json | None:
    if line.price is None:
        return None
    unit = line.price.unit_amount
    return {
        "price_details": {"price": line.price.id, "product": line.price.product},
        "type": "price_details",
        "unit_amount_decimal": None if unit is None else decimal_text(unit),
    }


def discount_amounts(amounts: tuple[tuple[str, int], ...]) -> list[Json]:
    """Return what each discount took off, in minor units."""
    return [{"amount": amount, "discount": discount} for discount, amount in amounts]


def tax_amount(tax: TaxAmount, family: Family) -> Json:
    """Return an entry of `tax_amounts` and `total_tax_amounts`, the form until acacia."""
    rendered: Json = {"amount": tax.amount, "inclusive": tax.rate.inclusive, "tax_rate": tax.rate.id}
    if family.invoice_extras:
        rendered |= {"taxability_reason": "standard_rated", "taxable_amount": tax.taxable}
    return rendered


def total_tax(tax: TaxAmount) -> Json:
    """Return an entry of `taxes` and `total_taxes`, the form since basil."""
    return {
        "amount": tax.amount,
        "tax_behavior": "inclusive" if tax.rate.inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": tax.rate.id},
        "taxability_reason": "standard_rated",
        "taxable_amount": tax.taxable,
        "type": "tax_rate_details",
    }
