"""Subscribing, and changing what is subscribed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from .billing_cycle import add_months, next_boundary
from .clock import DAY
from .ledger import RefusedError, verb
from .renewals import TRIAL_NOTICE, Renewals
from .state import (
    CollectionMethod,
    Coupon,
    Customer,
    Discount,
    Invoice,
    Metadata,
    Price,
    Subscription,
    SubscriptionItem,
    TaxRate,
)

Items = str | Sequence[str | tuple[str, int]]
"""A price id, or several, each with or without a quantity."""


class Subscriptions(Renewals):
    """The verb that begins a subscription."""

    @verb
    def subscribe(
        self,
        customer: str,
        items: Items,
        *,
        quantity: int = 1,
        trial_days: int = 0,
        trial_end: int | None = None,
        trial_end_behavior: Literal["create_invoice", "pause", "cancel"] = "create_invoice",
        coupons: Sequence[str] = (),
        payment: Literal["now", "later"] = "now",
        decline: str | None = None,
        collection_method: CollectionMethod = "charge_automatically",
        days_until_due: int = 30,
        tax_rates: tuple[TaxRate, ...] = (),
        billing_mode: Literal["classic", "flexible"] = "classic",
        cancel_at: int | None = None,
        metadata: Metadata | None = None,
    ) -> Subscription:
        """Subscribe a customer to prices of one currency (and, unless flexible, of one interval).

        `quantity` is for items that name none; a trial runs `trial_days` or until `trial_end` (Unix seconds);
        `coupons` are applied in order. The first payment is made now, and answered with `decline` if given, or left
        for later (`pay_invoice`); while it is missing the subscription is incomplete, and expires after 23 hours.
        Emits, in one second, what happened to invoice and payment and then customer.subscription.created with the
        resulting status. Raises RefusedError when prices do not go together.
        """
        owner = self.customer(customer)
        prices = self._chosen(items, quantity)
        check_together([price for price, _ in prices], billing_mode)
        if decline is not None:
            self.decline_next(customer, decline)
        if trial_days:
            trial_end = self.now + trial_days * DAY
        subscription = self._new_subscription(
            owner,
            prices,
            trial_end=trial_end,
            trial_end_behavior=trial_end_behavior,
            collection_method=collection_method,
            days_until_due=days_until_due if collection_method == "send_invoice" else None,
            default_tax_rates=tax_rates,
            billing_mode=billing_mode,
            cancel_at=cancel_at,
            canceled_at=None if cancel_at is None else self.now,
            cancellation_reason=None if cancel_at is None else "cancellation_requested",
            metadata=metadata or {},
        )
        subscription = self._discounted(subscription, [self.coupons[coupon] for coupon in coupons])
        self._unannounced.add(subscription.id)
        self._bill_first(self._draft_first(subscription), collect=payment == "now", counted=True)
        self._unannounced.discard(subscription.id)
        subscription = self.subscriptions[subscription.id]
        self.emit("customer.subscription.created", subscription)
        for discount in subscription.discounts:
            self.emit("customer.discount.created", discount)
        self._schedule_life(subscription)
        return subscription

    def _chosen(self, items: Items, quantity: int) -> list[tuple[Price, int]]:
        entries = [items] if isinstance(items, str) else items
        chosen = [(entry, quantity) if isinstance(entry, str) else entry for entry in entries]
        return [(self.prices[price], count) for price, count in chosen]

    def _new_subscription(
        self, customer: Customer, prices: Sequence[tuple[Price, int]], *, trial_end: int | None, **fields: object
    ) -> Subscription:
        """Return a subscription that begins now, not yet stored: trialing, incomplete, or active when it is billed
        by sent invoices."""
        subscription_id = self.ids.new("sub")
        anchor = trial_end or self.now
        by_invoice = fields.get("collection_method") == "send_invoice"
        items = tuple(self._new_item(subscription_id, price, count, anchor) for price, count in prices)
        return Subscription(
            id=subscription_id,
            created=self.now,
            livemode=self.livemode,
            customer=customer.id,
            currency=prices[0][0].currency,
            status="trialing" if trial_end else "active" if by_invoice else "incomplete",
            items=items,
            start_date=self.now,
            billing_cycle_anchor=anchor,
            trial_start=self.now if trial_end else None,
            trial_end=trial_end,
            **fields,  # type: ignore[arg-type]  # the keyword arguments of Subscription, passed on
        )

    def _new_item(self, subscription_id: str, price: Price, quantity: int, anchor: int) -> SubscriptionItem:
        """Return an item whose first period runs from now to the next boundary; a trial is a period of its own."""
        end = anchor if anchor > self.now else next_boundary(anchor, price.interval, price.interval_count, self.now)
        return SubscriptionItem(
            id=self.ids.new("si"),
            created=self.now,
            livemode=self.livemode,
            subscription=subscription_id,
            price=price,
            quantity=None if price.metered else quantity,
            current_period_start=self.now,
            current_period_end=end,
        )

    def _discounted(
        self, subscription: Subscription, coupons: Sequence[Coupon], item: str | None = None
    ) -> Subscription:
        """Return the subscription with new discounts behind the ones it has, on itself or on one of its items."""
        if any(coupon.currency not in (None, subscription.currency) for coupon in coupons):
            raise RefusedError("the coupon takes off another currency")
        discounts = [self._new_discount(coupon, subscription.customer, subscription.id, item) for coupon in coupons]
        for discount in discounts:
            if discount.end is not None:
                self.clock.schedule(discount.end, self._end_discount, subscription.id, discount.id)
        if item is None:
            return replace(subscription, discounts=(*subscription.discounts, *discounts))
        items = tuple(
            replace(i, discounts=(*i.discounts, *discounts)) if i.id == item else i for i in subscription.items
        )
        return replace(subscription, items=items)

    def _new_discount(
        self, coupon: Coupon, customer: str, subscription: str | None = None, item: str | None = None
    ) -> Discount:
        """Redeem a coupon now; a repeating one ends its months later."""
        coupon = self.put_changed(coupon, times_redeemed=coupon.times_redeemed + 1)
        months = coupon.duration_in_months
        return Discount(
            id=self.ids.new("di"),
            coupon=coupon,
            customer=customer,
            start=self.now,
            end=None if months is None else add_months(self.now, months),
            subscription=subscription,
            subscription_item=item,
        )

    def _draft_first(self, subscription: Subscription) -> Invoice:
        """Draft the first invoice of a subscription whose creation is not yet told."""
        invoice = self._invoice_items(subscription, subscription.items, "subscription_create")
        self.put_changed(subscription, latest_invoice=invoice.id)
        return invoice

    def _bill_first(self, invoice: Invoice, *, collect: bool, counted: bool) -> None:
        """Finalize the first invoice and collect it; one that is sent stays a draft for the draft time.

        A subscription that owes nothing yet becomes active by the payment of that nothing.
        """
        if invoice.collection_method == "send_invoice" and invoice.amount_due:
            self.clock.schedule(self.now + self.settings.draft_time, self._finalize_due, invoice.id)
        else:
            self._advance_draft(invoice, counted=counted, collect=collect)

    def _schedule_life(self, subscription: Subscription) -> None:
        """Have the clock do what is now foreseeable: renewal, trial notice, expiry, the scheduled end."""
        if subscription.status == "incomplete":
            self.clock.schedule(self.now + self.settings.incomplete_time, self._expire_incomplete, subscription.id)
        if subscription.trial_end is not None:
            notice = max(self.now, subscription.trial_end - TRIAL_NOTICE)
            self.clock.schedule(notice, self._give_trial_notice, subscription.id, subscription.trial_end)
        if subscription.cancel_at is not None:
            self.clock.schedule(subscription.cancel_at, self._end_scheduled, subscription.id, subscription.cancel_at)
        self._schedule_renewals(subscription, subscription.items)


def check_together(prices: Sequence[Price], billing_mode: str) -> None:
    """Raise RefusedError when these prices cannot be items of one subscription."""
    if not prices:
        raise RefusedError("a subscription needs an item")
    if not all(price.recurring for price in prices):
        raise RefusedError("a one-time price cannot be subscribed to")
    if len({price.currency for price in prices}) > 1:
        raise RefusedError("all prices of a subscription have one currency")
    if billing_mode == "classic" and len({(price.interval, price.interval_count) for price in prices}) > 1:
        raise RefusedError("all prices of a classic subscription have one interval")
