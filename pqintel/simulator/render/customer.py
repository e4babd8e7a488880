"""Customers."""

from pqintel.simulator.render.catalogue import render_discount
from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, address, embedded_list, head
from pqintel.simulator.state import Customer


def render_customer(customer: Customer, family: Family) -> Json:
    """Return a customer as events and reads show it while it exists."""
    rendered: Json = {
        **head(customer),
        "address": address(customer.address),
        "balance": customer.balance,
        "currency": customer.currency,
        "default_source": None,
        "delinquent": customer.delinquent,
        "description": customer.description,
        "discount": render_discount(customer.discount, family) if customer.discount else None,
        "email": customer.email,
        "invoice_prefix": customer.invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": customer.card.id if customer.card else None,
            "footer": None,
        },
        "name": customer.name,
        "phone": customer.phone,
        "preferred_locales": list(customer.preferred_locales),
        "shipping": None,
        "tax_exempt": customer.tax_exempt,
    }
    if family.customer_lists:
        rendered["sources"] = embedded_list([], f"/v1/customers/{customer.id}/sources")
        rendered["tax_ids"] = embedded_list([], f"/v1/customers/{customer.id}/tax_ids")
    if family.invoice_extras:
        rendered["test_clock"] = None
    return rendered


def render_deleted_customer(customer: Customer) -> Json:
    """Return the stub that a read of a deleted customer answers."""
    return {"id": customer.id, "object": "customer", "deleted": True}
