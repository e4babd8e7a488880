"""Checkout sessions."""

from decimal import Decimal

from pqintel.simulator.render.catalogue import render_price
from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, head
from pqintel.simulator.state import CheckoutSession, Price


def render_checkout_session(session: CheckoutSession, family: Family) -> Json:
    """Return a session. Its `line_items` are never in it unless they are expanded."""
    subscribes = session.mode == "subscription"
    rendered: Json = {
        **head(session),
        "allow_promotion_codes": None,
        "amount_subtotal": session.amount_subtotal,
        "amount_total": session.amount_total,
        "billing_address_collection": None,
        "cancel_url": session.cancel_url,
        "client_reference_id": session.client_reference_id,
        "currency": session.currency,
        "customer": session.customer,
        "customer_details": _customer_details(session, family),
        "customer_email": session.customer_email,
        "locale": None,
        "mode": session.mode,
        "payment_intent": None if subscribes else session.payment_intent,
        "payment_method_types": ["card"],
        "payment_status": session.payment_status,
        "setup_intent": None,
        "shipping_address_collection": None,
        "submit_type": None,
        "subscription": session.subscription,
        "success_url": session.success_url,
        "total_details": {
            "amount_discount": session.amount_subtotal - session.amount_total,
            "amount_shipping": 0,
            "amount_tax": 0,
        },
    }
    if family.invoice_extras:
        rendered |= _since_2022(session)
    if family.advice_codes:
        rendered |= {"payment_method_collection": "always", "ui_mode": family.hosted_page, "client_secret": None}
    return rendered


def _since_2022(session: CheckoutSession) -> Json:
    return {
        "after_expiration": None,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "consent": None,
        "consent_collection": None,
        "custom_fields": [],
        "customer_creation": "always" if session.customer else "if_required",
        "expires_at": session.expires_at,
        "invoice": session.invoice,
        "invoice_creation": None,
        "payment_link": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": session.status,
        "url": session.url if session.status == "open" else None,
    }


def _customer_details(session: CheckoutSession, family: Family) -> Json | None:
    if session.customer_email is None and session.customer is None:
        return None
    rendered: Json = {
        "email": session.customer_email,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    if family.invoice_extras:
        rendered["name"] = session.customer_name
        rendered["address"] = {
            "city": None,
            "country": session.customer_country,
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        }
    return rendered


def render_line_items(session: CheckoutSession, family: Family) -> list[Json]:
    """Return what was bought, as `expand[]=line_items` or the sub-list answer it."""
    return [
        _line_item(session, number, price, quantity, family) for number, (price, quantity) in enumerate(session.lines)
    ]


def _line_item(session: CheckoutSession, number: int, price: Price, quantity: int, family: Family) -> Json:
    amount = int((price.unit_amount or Decimal(0)) * quantity)
    return {
        "id": f"li_{session.id[-22:]}{number:02}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": session.currency,
        "description": price.nickname,
        "price": render_price(price, family),
        "quantity": quantity,
    }
