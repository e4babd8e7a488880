"""Payment intents and charges: taking money from a card, or being declined."""

from __future__ import annotations

from dataclasses import replace

from .customers import Customers
from .declines import DECLINES, Decline
from .ledger import verb
from .state import Card, Charge, Customer, Metadata, PaymentError, PaymentIntent


class Payments(Customers):
    """The verbs of payments without an invoice, and what invoices are paid with."""

    @verb
    def take_payment(
        self,
        customer: str,
        amount: int,
        *,
        currency: str | None = None,
        description: str | None = None,
        metadata: Metadata | None = None,
    ) -> PaymentIntent:
        """Charge a customer once, without an invoice (`amount` in minor units); declines as `decline_next` says.

        Emits payment_intent.created, then charge.* and payment_intent.succeeded or payment_failed.
        """
        owner = self.customer(customer)
        intent = self._new_intent(
            owner, amount, currency or self.currency, invoice=None, description=description, metadata=metadata
        )
        return self._attempt(intent, owner)

    @verb
    def retry_payment(self, payment_intent: str) -> PaymentIntent:
        """Confirm a payment intent without an invoice again, with the customer's present card."""
        intent = self.payment_intents[payment_intent]
        assert intent.customer is not None
        return self._attempt(intent, self.customer(intent.customer))

    def _new_intent(
        self,
        customer: Customer,
        amount: int,
        currency: str,
        *,
        invoice: str | None,
        description: str | None,
        metadata: Metadata | None = None,
    ) -> PaymentIntent:
        intent_id = self.ids.new("pi")
        intent = self.put(
            PaymentIntent(
                id=intent_id,
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                amount=amount,
                currency=currency,
                customer=customer.id,
                invoice=invoice,
                status="requires_payment_method",
                description=description,
                card=customer.card,
                setup_future_usage="off_session" if invoice else None,
                client_secret=f"{intent_id}_secret_{self.ids.word(25)}",
            )
        )
        self.emit("payment_intent.created", intent)
        return intent

    def _attempt(self, intent: PaymentIntent, customer: Customer) -> PaymentIntent:
        """Charge the customer's card once; without a card nothing happens to the intent."""
        if customer.card is None:
            return intent
        code = self._next_decline(customer.id)
        if code is None:
            return self._succeed(intent, customer.card)
        return self._decline(intent, customer.card, DECLINES[code])

    def _succeed(self, intent: PaymentIntent, card: Card) -> PaymentIntent:
        charge = self.put(
            replace(self._charge(intent, card), status="succeeded", balance_transaction=self.ids.new("txn"))
        )
        self.emit("charge.succeeded", charge)
        intent = self.put_changed(
            intent,
            status="succeeded",
            amount_received=intent.amount,
            card=card,
            charges=(*intent.charges, charge),
            last_payment_error=None,
        )
        self.emit("payment_intent.succeeded", intent)
        return intent

    def _decline(self, intent: PaymentIntent, card: Card, decline: Decline) -> PaymentIntent:
        charge = self.put(
            replace(
                self._charge(intent, card),
                failure_code=decline.error_code,
                failure_message=decline.message,
                decline_code=decline.code,
                advice_code=decline.advice,
                network_status="declined_by_network",
                outcome_type="issuer_declined",
                seller_message="The bank did not return any further details with this decline.",
            )
        )
        self.emit("charge.failed", charge)
        error = PaymentError(
            code=decline.error_code,
            decline_code=decline.code,
            message=decline.message,
            advice_code=decline.advice,
            charge=charge.id,
            card=card,
        )
        intent = self.put_changed(
            intent,
            status="requires_payment_method",
            card=None,
            charges=(*intent.charges, charge),
            last_payment_error=error,
        )
        self.emit("payment_intent.payment_failed", intent)
        return intent

    def _charge(self, intent: PaymentIntent, card: Card) -> Charge:
        return Charge(
            id=self.ids.new("ch"),
            created=self.now,
            livemode=self.livemode,
            amount=intent.amount,
            currency=intent.currency,
            customer=intent.customer,
            invoice=intent.invoice,
            payment_intent=intent.id,
            status="failed",
            card=card,
            description=intent.description,
        )
