"""Checkout sessions: a visitor becomes a customer with a running subscription within one second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .clock import DAY
from .endings import Endings
from .ledger import RefusedError, verb
from .pricing import cost, whole
from .state import CheckoutSession, Customer, Metadata, TaxRate
from .subscriptions import Items, check_together

SESSION_TIME = DAY
"""How long a session stays open, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a session will subscribe to, beyond what Stripe shows on the session."""

    coupons: tuple[str, ...]
    trial_days: int
    tax_rates: tuple[TaxRate, ...]
    billing_mode: Literal["classic", "flexible"]
    subscription_metadata: Metadata


class Checkouts(Endings):
    """The verbs of Checkout."""

    def _open(self) -> None:
        super()._open()
        self._orders: dict[str, _Order] = {}

    @verb
    def open_checkout(
        self,
        items: Items,
        *,
        quantity: int = 1,
        customer: str | None = None,
        client_reference_id: str | None = None,
        coupons: Sequence[str] = (),
        trial_days: int = 0,
        tax_rates: tuple[TaxRate, ...] = (),
        billing_mode: Literal["classic", "flexible"] = "classic",
        metadata: Metadata | None = None,
        subscription_metadata: Metadata | None = None,
    ) -> CheckoutSession:
        """Open a session: mode "payment" when the prices are one-time, else "subscription".

        Emits nothing now, and checkout.session.expired after a day if it is not completed.
        """
        prices = self._chosen(items, quantity)
        recurring = any(price.recurring for price, _ in prices)
        if recurring:
            check_together([price for price, _ in prices], billing_mode)
        amount = sum(whole(cost(price, count)) for price, count in prices if not price.metered)
        session_id = self.ids.new("cs_live" if self.livemode else "cs_test")
        session = self.put(
            CheckoutSession(
                id=session_id,
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                mode="subscription" if recurring else "payment",
                status="open",
                payment_status="unpaid",
                customer=self.customer(customer).id if customer else None,
                client_reference_id=client_reference_id,
                currency=prices[0][0].currency,
                amount_subtotal=amount,
                amount_total=amount,
                lines=tuple(prices),
                expires_at=self.now + SESSION_TIME,
                url=f"https://checkout.stripe.com/c/pay/{session_id}",
            )
        )
        self._orders[session_id] = _Order(
            coupons=tuple(coupons),
            trial_days=trial_days,
            tax_rates=tax_rates,
            billing_mode=billing_mode,
            subscription_metadata=subscription_metadata or {},
        )
        self.clock.schedule(session.expires_at, self._expire_session, session_id)
        return session

    @verb
    def complete_checkout(
        self,
        session: str,
        *,
        name: str | None = None,
        email: str | None = None,
        country: str | None = None,
        declines: Sequence[str] = (),
    ) -> CheckoutSession:
        """Let the visitor pay: each of `declines` is one failed try before the one that succeeds.

        Emits, all in this second: customer.created (for a new customer), customer.subscription.created (incomplete),
        the events of invoice and payment, customer.subscription.updated (active), checkout.session.completed.
        Raises RefusedError for a session that is not open.
        """
        found = self.checkout_sessions[session]
        if found.status != "open":
            raise RefusedError(f"session {session} is {found.status}")
        if found.customer is None:
            customer = self.create_customer(name=name, email=email, country=country)
        else:
            customer = self.customer(found.customer)
            if customer.card is None:
                customer = self.replace_card(customer.id)
        self.decline_next(customer.id, *declines)
        if found.mode == "subscription":
            found = self._subscribe_by(found, customer, tries=len(declines) + 1)
        else:
            found = self._pay_by(found, customer, tries=len(declines) + 1)
        country_known = customer.address.country if customer.address else None
        found = self.put_changed(
            found,
            status="complete",
            customer=customer.id,
            customer_email=email or customer.email,
            customer_name=name or customer.name,
            customer_country=country or country_known,
            url=None,
        )
        self.emit("checkout.session.completed", found)
        return found

    @verb
    def checkout(
        self,
        items: Items,
        *,
        name: str | None = None,
        email: str | None = None,
        country: str | None = None,
        customer: str | None = None,
        quantity: int = 1,
        coupons: Sequence[str] = (),
        trial_days: int = 0,
        tax_rates: tuple[TaxRate, ...] = (),
        declines: Sequence[str] = (),
        client_reference_id: str | None = None,
        metadata: Metadata | None = None,
    ) -> CheckoutSession:
        """Open a session and complete it in the same second."""
        session = self.open_checkout(
            items,
            quantity=quantity,
            customer=customer,
            client_reference_id=client_reference_id,
            coupons=coupons,
            trial_days=trial_days,
            tax_rates=tax_rates,
            metadata=metadata,
        )
        return self.complete_checkout(session.id, name=name, email=email, country=country, declines=declines)

    def _subscribe_by(self, session: CheckoutSession, customer: Customer, *, tries: int) -> CheckoutSession:
        order = self._orders[session.id]
        subscription = self._new_subscription(
            customer,
            session.lines,
            trial_end=self.now + order.trial_days * DAY if order.trial_days else None,
            default_tax_rates=order.tax_rates,
            billing_mode=order.billing_mode,
            metadata=order.subscription_metadata,
        )
        subscription = self._discounted(subscription, [self.coupons[coupon] for coupon in order.coupons])
        self._unannounced.add(subscription.id)
        invoice = self._draft_first(subscription)
        self._unannounced.discard(subscription.id)
        subscription = self.subscriptions[subscription.id]
        self.emit("customer.subscription.created", subscription)
        for discount in subscription.discounts:
            self.emit("customer.discount.created", discount)
        invoice = self._advance_draft(invoice, counted=False, collect=False)
        while invoice.status == "open" and tries:
            invoice, tries = self._collect(invoice, counted=False), tries - 1
        self._schedule_life(self.subscriptions[subscription.id])
        return replace(
            session,
            subscription=subscription.id,
            invoice=invoice.id,
            amount_subtotal=invoice.subtotal,
            amount_total=invoice.total,
            payment_status="paid" if invoice.total else "no_payment_required",
        )

    def _pay_by(self, session: CheckoutSession, customer: Customer, *, tries: int) -> CheckoutSession:
        intent = self._new_intent(
            customer, session.amount_total, session.currency, invoice=None, description=None, metadata=session.metadata
        )
        while intent.status != "succeeded" and tries:
            intent, tries = self._attempt(intent, customer), tries - 1
        return replace(session, payment_intent=intent.id, payment_status="paid")

    def _expire_session(self, session: str) -> None:
        found = self.checkout_sessions[session]
        if found.status == "open":
            self.emit("checkout.session.expired", self.put_changed(found, status="expired", url=None))
