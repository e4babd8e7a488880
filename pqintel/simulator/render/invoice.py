"""Invoices and invoice payments."""

from pqintel.simulator.render.catalogue import render_discount
from pqintel.simulator.render.families import Family
from pqintel.simulator.render.invoice_line import discount_amounts, render_line, tax_amount, total_tax
from pqintel.simulator.render.shape import Json, address, embedded_list, head
from pqintel.simulator.state import Invoice, InvoicePayment

ACCOUNT_NAME = "Example, Inc."


def render_invoice(invoice: Invoice, family: Family) -> Json:
    """Return an invoice with its first ten lines. Its payments are never in it unless they are expanded."""
    rendered: Json = {
        **head(invoice),
        "account_country": "US",
        "account_name": ACCOUNT_NAME,
        "account_tax_ids": None,
        "amount_due": invoice.amount_due,
        "amount_paid": invoice.amount_paid,
        "amount_remaining": invoice.amount_remaining,
        "attempt_count": invoice.attempt_count,
        "attempted": invoice.attempted,
        "auto_advance": invoice.auto_advance,
        "billing_reason": invoice.billing_reason,
        "collection_method": invoice.collection_method,
        "currency": invoice.currency,
        "custom_fields": None,
        "customer": invoice.customer,
        "customer_address": address(invoice.customer_address),
        "customer_email": invoice.customer_email,
        "customer_name": invoice.customer_name,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": invoice.description,
        "due_date": invoice.due_date,
        "ending_balance": invoice.ending_balance,
        "footer": None,
        "hosted_invoice_url": invoice.hosted_invoice_url,
        "invoice_pdf": invoice.invoice_pdf,
        "lines": embedded_list(render_lines(invoice, family), f"/v1/invoices/{invoice.id}/lines"),
        "next_payment_attempt": invoice.next_payment_attempt,
        "number": invoice.number,
        "period_end": invoice.period_end,
        "period_start": invoice.period_start,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "starting_balance": invoice.starting_balance,
        "statement_descriptor": None,
        "status": invoice.status,
        "status_transitions": {
            "finalized_at": invoice.finalized_at,
            "marked_uncollectible_at": invoice.marked_uncollectible_at,
            "paid_at": invoice.paid_at,
            "voided_at": invoice.voided_at,
        },
        "subtotal": invoice.subtotal,
        "total": invoice.total,
        "total_discount_amounts": discount_amounts(invoice.total_discount_amounts),
        "webhooks_delivered_at": invoice.created,
    }
    if family.embedded_discount:
        rendered["discount"] = render_discount(invoice.discounts[0], family) if invoice.discounts else None
    if family.named_discounts:
        rendered["discounts"] = [discount.id for discount in invoice.discounts]
    if family.invoice_extras:
        rendered |= _since_2022(invoice)
    rendered |= _since_basil(invoice) if family.invoice_parent else _until_acacia(invoice, family)
    if family.status_details:
        rendered["status_details"] = {"uncollectible": {"reason": None}} if invoice.status == "uncollectible" else None
    return rendered


def render_lines(invoice: Invoice, family: Family) -> list[Json]:
    """Return all lines of an invoice."""
    return [render_line(line, family, invoice.subscription_metadata) for line in invoice.lines]


def _since_2022(invoice: Invoice) -> Json:
    return {
        "amount_shipping": 0,
        "application": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "status": None},
        "effective_at": invoice.effective_at,
        "from_invoice": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "on_behalf_of": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "subtotal_excluding_tax": invoice.subtotal,
        "test_clock": None,
        "total_excluding_tax": invoice.total_excluding_tax,
    }


def _until_acacia(invoice: Invoice, family: Family) -> Json:
    rendered: Json = {
        "application_fee_amount": None,
        "charge": invoice.charge,
        "paid": invoice.paid,
        "payment_intent": invoice.payment_intent,
        "subscription": invoice.subscription,
        "tax": invoice.tax if invoice.total_taxes else None,
        "total_tax_amounts": [tax_amount(tax, family) for tax in invoice.total_taxes],
    }
    if not family.prices:
        rendered["tax_percent"] = None
    if family.invoice_extras:
        rendered |= {
            "paid_out_of_band": False,
            "quote": None,
            "subscription_details": {"metadata": dict(invoice.subscription_metadata) if invoice.subscription else None},
            "transfer_data": None,
        }
    return rendered


def _since_basil(invoice: Invoice) -> Json:
    parent: Json | None = None
    if invoice.subscription:
        parent = {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(invoice.subscription_metadata),
                "subscription": invoice.subscription,
            },
            "type": "subscription_details",
        }
    return {
        "amount_overpaid": 0,
        "automatically_finalizes_at": None,
        "parent": parent,
        "total_pretax_credit_amounts": [],
        "total_taxes": [total_tax(tax) for tax in invoice.total_taxes],
    }


def render_invoice_payment(payment: InvoicePayment) -> Json:
    """Return the link between an invoice and the intent that pays it."""
    rendered = head(payment)
    del rendered["metadata"]
    return rendered | {
        "amount_paid": payment.amount_paid,
        "amount_requested": payment.amount_requested,
        "currency": payment.currency,
        "invoice": payment.invoice,
        "is_default": payment.is_default,
        "payment": {"payment_intent": payment.payment_intent, "type": "payment_intent"},
        "status": payment.status,
        "status_transitions": {"canceled_at": payment.canceled_at, "paid_at": payment.paid_at},
    }
