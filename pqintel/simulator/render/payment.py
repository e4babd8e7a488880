"""Payment intents and charges."""

from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, card_details, embedded_list, head
from pqintel.simulator.state import Card, Charge, PaymentError, PaymentIntent


def render_payment_intent(intent: PaymentIntent, family: Family) -> Json:
    """Return a payment intent: with its newest charges inside until 2020, with `latest_charge` afterwards."""
    rendered: Json = {
        **head(intent),
        "amount": intent.amount,
        "amount_capturable": 0,
        "amount_received": intent.amount_received,
        "application": None,
        "application_fee_amount": None,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": "automatic",
        "client_secret": intent.client_secret or None,
        "confirmation_method": "automatic",
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": _error(intent, intent.last_payment_error, family),
        "next_action": {"type": "use_stripe_sdk"} if intent.status == "requires_action" else None,
        "on_behalf_of": None,
        "payment_method": intent.card.id if intent.card else None,
        "payment_method_options": {"card": {"installments": None, "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "receipt_email": None,
        "review": None,
        "setup_future_usage": intent.setup_future_usage,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": intent.status,
        "transfer_data": None,
        "transfer_group": None,
    }
    if family.charges_list:
        charges = [render_charge(charge, family) for charge in reversed(intent.charges)]
        rendered["charges"] = embedded_list(charges, f"/v1/charges?payment_intent={intent.id}")
    else:
        rendered |= {
            "amount_details": {"tip": {}},
            "automatic_payment_methods": None,
            "latest_charge": intent.latest_charge,
            "processing": None,
        }
    if not family.invoice_parent:
        rendered["invoice"] = intent.invoice
    if family.order_reference:
        reference = intent.invoice[: family.order_reference] if intent.invoice else None
        rendered["payment_details"] = {"customer_reference": None, "order_reference": reference}
    return rendered


def render_charge(charge: Charge, family: Family) -> Json:
    """Return one attempt to take money."""
    rendered: Json = {
        **head(charge),
        "amount": charge.amount,
        "amount_refunded": charge.amount_refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": charge.balance_transaction,
        "billing_details": {"address": _no_address(), "email": None, "name": None, "phone": None},
        "captured": charge.paid,
        "currency": charge.currency,
        "customer": charge.customer,
        "description": charge.description,
        "destination": None,
        "dispute": None,
        "disputed": False,
        "failure_code": charge.failure_code,
        "failure_message": charge.failure_message,
        "fraud_details": {},
        "on_behalf_of": None,
        "outcome": _outcome(charge, family),
        "paid": charge.paid,
        "payment_intent": charge.payment_intent,
        "payment_method": charge.card.id if charge.card else None,
        "payment_method_details": _method_details(charge.card),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/{charge.id}" if charge.paid else None,
        "refunded": charge.amount_refunded >= charge.amount > 0,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": charge.status,
        "transfer_data": None,
        "transfer_group": None,
    }
    if family.prices:
        rendered["amount_captured"] = charge.amount if charge.paid else 0
    if family.charges_list:
        rendered["refunds"] = embedded_list([], f"/v1/charges/{charge.id}/refunds")
    else:
        rendered |= {"failure_balance_transaction": None, "radar_options": {}}
    if not family.invoice_parent:
        rendered["invoice"] = charge.invoice
    return rendered


def render_payment_method(card: Card, customer: str | None, livemode: bool) -> Json:
    """Return the payment method that an error names, whole as Stripe embeds it."""
    return {
        "id": card.id,
        "object": "payment_method",
        "billing_details": {"address": _no_address(), "email": None, "name": None, "phone": None},
        "card": {**card_details(card), "three_d_secure_usage": {"supported": True}},
        "customer": customer,
        "livemode": livemode,
        "metadata": {},
        "type": "card",
    }


def _error(intent: PaymentIntent, error: PaymentError | None, family: Family) -> Json | None:
    if error is None:
        return None
    rendered: Json = {
        "charge": error.charge,
        "code": error.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{error.code.replace('_', '-')}",
        "message": error.message,
        "type": error.type,
    }
    if error.decline_code is not None:
        rendered["decline_code"] = error.decline_code
    if error.card is not None:
        rendered["payment_method"] = render_payment_method(error.card, intent.customer, intent.livemode)
    if family.advice_codes and error.advice_code is not None:
        rendered["advice_code"] = error.advice_code
    return rendered


def _outcome(charge: Charge, family: Family) -> Json:
    rendered: Json = {
        "network_status": charge.network_status,
        "reason": charge.decline_code,
        "risk_level": "normal",
        "risk_score": 17,
        "seller_message": charge.seller_message,
        "type": charge.outcome_type,
    }
    if family.advice_codes:
        rendered |= {"advice_code": charge.advice_code, "network_advice_code": None, "network_decline_code": None}
    return rendered


def _method_details(card: Card | None) -> Json | None:
    if card is None:
        return None
    details = {**card_details(card), "installments": None, "network": card.brand, "three_d_secure": None}
    return {"card": details, "type": "card"}


def _no_address() -> Json:
    return {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
