"""Collecting open invoices: attempts, Smart Retries, giving up; and what that does to the subscription."""

from __future__ import annotations

from typing import Any

from .declines import AUTHENTICATION_REQUIRED, DECLINES
from .invoice_amounts import Charged
from .invoicing import Invoicing
from .ledger import verb
from .state import (
    CancellationReason,
    CollectionMethod,
    Invoice,
    Metadata,
    PaymentIntent,
    Subscription,
    TaxRate,
)


class Collection(Invoicing):
    """The verbs of invoices. A payment moves the subscription only through its latest invoice, as at Stripe."""

    def _open(self) -> None:
        super()._open()
        self._failed: dict[str, set[str]] = {}
        self._unannounced: set[str] = set()

    @verb
    def invoice_once(
        self,
        customer: str,
        amount: int,
        *,
        currency: str | None = None,
        description: str = "Professional services",
        collection_method: CollectionMethod = "charge_automatically",
        days_until_due: int = 30,
        tax_rates: tuple[TaxRate, ...] = (),
        finalize: bool = True,
        metadata: Metadata | None = None,
    ) -> Invoice:
        """Bill a one-off amount (minor units), without a subscription; unless only a draft is wanted, it is finalized
        and, when charged automatically, collected at once. Emits the invoice's events in one second."""
        owner = self.customer(customer)
        currency = currency or owner.currency or self.currency
        line = self._line(amount, currency, description, type="invoiceitem", invoice_item=self.ids.new("ii"))
        sent = collection_method == "send_invoice"
        invoice = self._draft(
            owner,
            [Charged(line, tax_rates=tax_rates)],
            currency=currency,
            reason="manual",
            auto_advance=finalize,
            collection_method=collection_method,
            days_until_due=days_until_due if sent else None,
            description=description,
            metadata=metadata,
        )
        return self.finalize_invoice(invoice.id) if finalize else invoice

    @verb
    def finalize_invoice(self, invoice: str) -> Invoice:
        """Finalize a draft and, when it is charged automatically, collect it. Raises RefusedError if it is no draft."""
        return self._advance_draft(self._with_status(invoice, "draft"), counted=True)

    @verb
    def pay_invoice(self, invoice: str, *, out_of_band: bool = False) -> Invoice:
        """Pay an open or uncollectible invoice now: with the customer's card, or from outside Stripe.

        An attempt by hand does not count in `attempt_count`. Raises RefusedError for other statuses.
        """
        found = self._with_status(invoice, "open", "uncollectible")
        if not out_of_band:
            return self._collect(found, counted=False)
        if found.payment_intent is not None:
            intent = self.put_changed(
                self.payment_intents[found.payment_intent], status="canceled", canceled_at=self.now
            )
            self.emit("payment_intent.canceled", intent)
        return self._settle(found, None, counted=False)

    @verb
    def recover(self, customer: str) -> list[Invoice]:
        """Give the customer a new card that works and pay the open invoices with it, oldest first."""
        self.replace_card(customer)
        unpaid = sorted(self._failed.get(customer, ()), key=lambda invoice: self.invoices[invoice].created)
        return [self.pay_invoice(i) for i in unpaid if self.invoices[i].status == "open"]

    @verb
    def void_invoice(self, invoice: str) -> Invoice:
        """Void an open or uncollectible invoice; emits invoice.voided; its subscription is no longer behind."""
        return self._write_off(self._with_status(invoice, "open", "uncollectible"), "void")

    @verb
    def mark_uncollectible(self, invoice: str) -> Invoice:
        """Give an open invoice up as bad debt; emits invoice.marked_uncollectible."""
        return self._write_off(self._with_status(invoice, "open"), "uncollectible")

    def _write_off(self, invoice: Invoice, status: str) -> Invoice:
        invoice = self._close(invoice, status)
        subscription = self._subscription_behind(invoice)
        if subscription is not None and subscription.status in ("past_due", "unpaid"):
            self._change(subscription, status="active")
        elif subscription is not None and subscription.status == "incomplete" and status == "void":
            self._change(subscription, status="incomplete_expired", ended_at=self.now)
        self._forgive(invoice)
        return invoice

    # From draft to paid ----------------------------------------------------------------------------------------------

    def _finalize_due(self, invoice: str) -> None:
        found = self.invoices.get(invoice)
        if found is not None and found.status == "draft" and found.auto_advance:
            self._advance_draft(found, counted=True)

    def _advance_draft(self, invoice: Invoice, *, counted: bool, collect: bool = True) -> Invoice:
        """Finalize; collect what is charged automatically; a sum of zero is paid by itself."""
        invoice = self._finalize(invoice)
        if invoice.amount_due == 0:
            return self._settle(invoice, None, counted=False)
        if invoice.collection_method == "send_invoice":
            assert invoice.due_date is not None
            self.clock.schedule(invoice.due_date, self._fall_due, invoice.id)
            return invoice
        return self._collect(invoice, counted=counted) if collect else invoice

    def _fall_due(self, invoice: str) -> None:
        found = self.invoices[invoice]
        subscription = self._subscription_behind(found)
        if found.status == "open" and subscription is not None and subscription.status == "active":
            self._change(subscription, status="past_due")

    def _retry(self, invoice: str, at: int) -> None:
        found = self.invoices[invoice]
        if found.status == "open" and found.auto_advance and found.next_payment_attempt == at:
            self._collect(found, counted=True)

    def _collect(self, invoice: Invoice, *, counted: bool) -> Invoice:
        """Attempt one payment. `counted`: it belongs to the retry schedule and goes on with it when it fails."""
        assert invoice.payment_intent is not None
        intent = self._attempt(self.payment_intents[invoice.payment_intent], self.customers[invoice.customer])
        if intent.status == "succeeded":
            return self._settle(invoice, intent, counted=counted)
        return self._fail(invoice, intent, counted=counted)

    def _settle(self, invoice: Invoice, intent: PaymentIntent | None, *, counted: bool) -> Invoice:
        if intent is not None:
            end: dict[str, Any] = {"status": "paid", "paid_at": self.now, "amount_paid": invoice.amount_due}
        else:
            end = {"status": "canceled", "canceled_at": self.now}
        payments = tuple(self.put_changed(payment, **end) for payment in invoice.payments)
        invoice = self.update(
            invoice,
            "invoice.updated",
            status="paid",
            attempted=True,
            attempt_count=invoice.attempt_count + counted,
            next_payment_attempt=None,
            amount_paid=invoice.amount_due,
            amount_remaining=0,
            paid_at=self.now,
            charge=intent.latest_charge if intent else None,
            payments=payments,
        )
        self.emit("invoice.paid", invoice)
        self.emit("invoice.payment_succeeded", invoice)
        if intent is not None:
            for payment in payments:
                self.emit("invoice_payment.paid", payment)
        subscription = self._subscription_behind(invoice)
        if subscription is not None and subscription.status in ("incomplete", "past_due", "unpaid"):
            self._change(subscription, status="active")
        self._forgive(invoice)
        return invoice

    def _fail(self, invoice: Invoice, intent: PaymentIntent, *, counted: bool) -> Invoice:
        subscription = self.subscriptions[invoice.subscription] if invoice.subscription else None
        first_payment = subscription is not None and subscription.status == "incomplete"
        error = intent.last_payment_error
        attempts = invoice.attempt_count + counted
        next_attempt, over_in = invoice.next_payment_attempt, None
        if counted and not first_payment and invoice.auto_advance:
            hard = error is not None and error.decline_code is not None and DECLINES[error.decline_code].hard
            gaps = self.settings.retry_gaps[attempts - 1 :]
            next_attempt = self.now + gaps[0] if gaps and not hard else None
            over_in = sum(gaps) if next_attempt is None else None
        invoice = self.update(
            invoice,
            "invoice.updated",
            attempted=True,
            attempt_count=attempts,
            next_payment_attempt=next_attempt,
            charge=intent.latest_charge,
        )
        self.emit("invoice.payment_failed", invoice)
        if error is not None and error.code == AUTHENTICATION_REQUIRED:
            self.emit("invoice.payment_action_required", invoice)
        self._failed.setdefault(invoice.customer, set()).add(invoice.id)
        self.update(self.customers[invoice.customer], "customer.updated", delinquent=True)
        if subscription is not None and subscription.status == "active":
            self._change(subscription, status="past_due")
        if next_attempt is not None and counted:
            self.clock.schedule(next_attempt, self._retry, invoice.id, next_attempt)
        if over_in == 0:
            self._give_up(invoice.id)
        elif over_in is not None:
            self.clock.schedule(self.now + over_in, self._give_up, invoice.id)
        return invoice

    def _give_up(self, invoice: str) -> None:
        """The retries are over: do to the subscription what the account's settings say."""
        found = self.invoices[invoice]
        subscription = self.subscriptions[found.subscription] if found.subscription else None
        if found.status != "open" or subscription is None or subscription.status != "past_due":
            return
        if self.settings.after_retries == "canceled":
            self._end(subscription, "payment_failed")
        elif self.settings.after_retries in ("unpaid", "paused"):
            changed = self._change(subscription, status=self.settings.after_retries)
            if changed.status == "paused":
                self.emit("customer.subscription.paused", changed)

    def _end(self, subscription: Subscription, reason: CancellationReason | None) -> Subscription:
        """End a subscription now; emits customer.subscription.deleted; its open invoices are no longer collected."""
        subscription = self.put_changed(
            subscription,
            status="canceled",
            canceled_at=subscription.canceled_at or self.now,
            ended_at=self.now,
            cancellation_reason=reason,
        )
        self.emit("customer.subscription.deleted", subscription)
        for invoice in self.invoices_of(subscription.id):
            if invoice.status in ("draft", "open") and invoice.auto_advance:
                self.update(invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None)
        return subscription

    def _change(self, subscription: Subscription, **changes: Any) -> Subscription:
        """Change a subscription; emits customer.subscription.updated, unless its creation is yet to be told."""
        if subscription.id in self._unannounced:
            return self.put_changed(subscription, **changes)
        return self.update(subscription, "customer.subscription.updated", **changes)

    def _subscription_behind(self, invoice: Invoice) -> Subscription | None:
        """The subscription whose standing depends on this invoice: its latest one."""
        if invoice.subscription is None:
            return None
        subscription = self.subscriptions[invoice.subscription]
        return subscription if subscription.latest_invoice == invoice.id else None

    def _forgive(self, invoice: Invoice) -> None:
        """Forget a failure that is settled; the customer is delinquent only while another one stands."""
        failed = self._failed.get(invoice.customer)
        if failed:
            failed.discard(invoice.id)
            customer = self.customers[invoice.customer]
            if not failed and not customer.deleted:
                self.update(customer, "customer.updated", delinquent=False)
