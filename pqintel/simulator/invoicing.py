"""Invoices from draft to open, and the ways in which one ends without money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clock import DAY
from .invoice_amounts import Charged, total
from .ledger import RefusedError, verb
from .payments import Payments
from .state import (
    BillingReason,
    CollectionMethod,
    Customer,
    Discount,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Metadata,
    PaymentIntent,
    Subscription,
)


class Invoicing(Payments):
    """Drafting, finalizing, voiding. Who pays, and when, is decided in `collection`."""

    def _open(self) -> None:
        super()._open()
        self._invoices_of: dict[str, list[str]] = {}

    def invoices_of(self, subscription: str) -> list[Invoice]:
        """Return a subscription's invoices in their present state, oldest first."""
        return [self.invoices[invoice] for invoice in self._invoices_of.get(subscription, ())]

    @verb
    def delete_draft(self, invoice: str) -> None:
        """Delete a one-off draft; emits invoice.deleted. Raises RefusedError for anything else, as Stripe does."""
        found = self._with_status(invoice, "draft")
        if found.subscription is not None:
            raise RefusedError("the invoice of a subscription can only be voided")
        del self.invoices[invoice]
        self.emit("invoice.deleted", found)

    def _draft(
        self,
        customer: Customer,
        charged: Sequence[Charged],
        *,
        currency: str,
        reason: BillingReason,
        discounts: Sequence[Discount] = (),
        subscription: Subscription | None = None,
        period: tuple[int, int] | None = None,
        auto_advance: bool = True,
        collection_method: CollectionMethod = "charge_automatically",
        days_until_due: int | None = None,
        description: str | None = None,
        metadata: Metadata | None = None,
    ) -> Invoice:
        """Put lines into a new draft; emits invoice.created, and customer.updated when it is the first."""
        if customer.currency is None:
            customer = self.update(customer, "customer.updated", currency=currency)
        invoice_id = self.ids.new("in")
        for entry in charged:
            entry.line = replace(entry.line, invoice=invoice_id)
        totals = total(charged, discounts)
        due = max(0, totals["total"] + customer.balance)
        start, end = period or (self.now, self.now)
        invoice = Invoice(
            id=invoice_id,
            created=self.now,
            livemode=self.livemode,
            metadata=metadata or {},
            customer=customer.id,
            customer_name=customer.name,
            customer_email=customer.email,
            customer_address=customer.address,
            currency=currency,
            billing_reason=reason,
            collection_method=collection_method,
            auto_advance=auto_advance,
            description=description,
            subscription=subscription.id if subscription else None,
            subscription_metadata=subscription.metadata if subscription else {},
            discounts=tuple(discounts),
            starting_balance=customer.balance,
            amount_due=due,
            amount_remaining=due,
            period_start=start,
            period_end=end,
            due_date=None if days_until_due is None else self.now + days_until_due * DAY,
            next_payment_attempt=None,
            **totals,
        )
        if auto_advance and collection_method == "charge_automatically" and reason == "subscription_cycle":
            invoice = replace(invoice, next_payment_attempt=self.now + self.settings.draft_time)
        self.put(invoice)
        if subscription is not None:
            self._invoices_of.setdefault(subscription.id, []).append(invoice.id)
        self.emit("invoice.created", invoice)
        return invoice

    def _line(self, amount: int, currency: str, description: str, **fields: object) -> InvoiceLine:
        """Return a line that is not yet on an invoice; its period is the present second unless given."""
        fields.setdefault("period_start", self.now)
        fields.setdefault("period_end", self.now)
        return InvoiceLine(
            id=self.ids.new("il"),
            created=self.now,
            livemode=self.livemode,
            invoice="",
            amount=amount,
            currency=currency,
            description=description,
            **fields,  # type: ignore[arg-type]  # the keyword arguments of InvoiceLine, passed on
        )

    def _finalize(self, invoice: Invoice, *, ask: bool = True) -> Invoice:
        """Open a draft: number, balance, due amount, and the payment intent unless nobody is to be asked.

        Emits payment_intent.created, customer.updated when the balance moved, invoice.finalized, and invoice.sent
        for invoices that are sent.
        """
        customer = self.customers[invoice.customer]
        after_balance = invoice.total + customer.balance
        due = max(0, after_balance)
        ending_balance = min(0, after_balance)
        intent, payment = self._ask_for_payment(invoice, customer, due) if due and ask else (None, None)
        secret = self.ids.word(30)
        invoice = self.put_changed(
            invoice,
            status="open",
            number=self._next_invoice_number(customer),
            starting_balance=customer.balance,
            ending_balance=ending_balance,
            amount_due=due,
            amount_remaining=due,
            next_payment_attempt=None,
            effective_at=self.now,
            finalized_at=self.now,
            payment_intent=intent.id if intent else None,
            payments=(payment,) if payment else (),
            hosted_invoice_url=f"https://invoice.stripe.com/i/{self.id}/{secret}?s=ap",
            invoice_pdf=f"https://pay.stripe.com/invoice/{self.id}/{secret}/pdf?s=ap",
        )
        if ending_balance != customer.balance:
            self.update(customer, "customer.updated", balance=ending_balance)
        self.emit("invoice.finalized", invoice)
        if invoice.collection_method == "send_invoice":
            self.emit("invoice.sent", invoice)
        return invoice

    def _ask_for_payment(self, invoice: Invoice, customer: Customer, due: int) -> tuple[PaymentIntent, InvoicePayment]:
        description = {
            "subscription_create": "Subscription creation",
            "subscription_cycle": "Subscription update",
            "subscription_update": "Subscription update",
        }.get(invoice.billing_reason, "Payment for Invoice")
        intent = self._new_intent(customer, due, invoice.currency, invoice=invoice.id, description=description)
        payment = self.put(
            InvoicePayment(
                id=self.ids.new("inpay"),
                created=self.now,
                livemode=self.livemode,
                invoice=invoice.id,
                payment_intent=intent.id,
                amount_requested=due,
                amount_paid=None,
                currency=invoice.currency,
            )
        )
        return intent, payment

    def _close(self, invoice: Invoice, status: str) -> Invoice:
        """Void an invoice or mark it uncollectible; emits payment_intent.canceled (void), invoice.updated and the
        type of the new status."""
        payments = invoice.payments
        if status == "void" and invoice.payment_intent is not None:
            intent = self.put_changed(
                self.payment_intents[invoice.payment_intent],
                status="canceled",
                canceled_at=self.now,
                cancellation_reason="void_invoice",
            )
            self.emit("payment_intent.canceled", intent)
            payments = tuple(self.put_changed(p, status="canceled", canceled_at=self.now) for p in payments)
        at = {"voided_at": self.now} if status == "void" else {"marked_uncollectible_at": self.now}
        invoice = self.update(
            invoice,
            "invoice.updated",
            status=status,
            auto_advance=False,
            next_payment_attempt=None,
            payments=payments,
            **at,
        )
        self.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)
        return invoice

    def _with_status(self, invoice: str, *statuses: str) -> Invoice:
        found = self.invoices[invoice]
        if found.status not in statuses:
            raise RefusedError(f"invoice {invoice} is {found.status}, not {' or '.join(statuses)}")
        return found
