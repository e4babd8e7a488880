"""Changing a running subscription: plan, quantity, items, usage, coupons; with Stripe's prorations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from .billing_cycle import next_boundary, part_left
from .invoice_amounts import Charged
from .ledger import RefusedError, verb
from .pricing import cost, whole
from .state import Customer, Discount, Metadata, Subscription, SubscriptionItem
from .subscriptions import Subscriptions

Proration = Literal["create_prorations", "always_invoice", "none"]
"""Bill the difference with the next invoice, with one of its own at once, or not at all."""


class Changes(Subscriptions):
    """Verbs that change what a subscription is for. All raise RefusedError for one that has ended."""

    @verb
    def change(
        self,
        subscription: str,
        *,
        item: str | None = None,
        price: str | None = None,
        quantity: int | None = None,
        proration: Proration = "create_prorations",
    ) -> Subscription:
        """Change price or quantity of an item (default: the first); emits customer.subscription.updated.

        The difference for the rest of the period is prorated to the second. A price of another interval begins a new
        period now and is invoiced at once. Raises RefusedError when the new price does not go with the others.
        """
        found = self.running(subscription)
        old = found.items[0] if item is None else next(i for i in found.items if i.id == item)
        new_price = old.price if price is None else self.prices[price]
        if new_price.currency != found.currency or not new_price.recurring:
            raise RefusedError("the price does not go with the subscription")
        new_quantity = (old.quantity or 1) if quantity is None else quantity
        new = replace(old, price=new_price, quantity=None if new_price.metered else new_quantity)
        if (new_price.interval, new_price.interval_count) != (old.price.interval, old.price.interval_count):
            return self._change_interval(found, old, new)
        return self._exchange(found, [old], [new], proration)

    @verb
    def add_item(
        self, subscription: str, price: str, quantity: int = 1, *, proration: Proration = "create_prorations"
    ) -> Subscription:
        """Add an item that shares the period of the first; emits customer.subscription.updated."""
        found = self.running(subscription)
        chosen, first = self.prices[price], found.items[0]
        if (chosen.interval, chosen.interval_count) != (first.price.interval, first.price.interval_count):
            raise RefusedError("the price has another interval than the subscription")
        item = replace(
            self._new_item(found.id, chosen, quantity, self.now),
            current_period_start=first.current_period_start,
            current_period_end=first.current_period_end,
        )
        return self._exchange(found, [], [item], proration)

    @verb
    def remove_item(self, subscription: str, item: str, *, proration: Proration = "create_prorations") -> Subscription:
        """Remove one of several items; emits customer.subscription.updated."""
        found = self.running(subscription)
        if len(found.items) == 1:
            raise RefusedError("the last item of a subscription cannot be removed")
        return self._exchange(found, [next(i for i in found.items if i.id == item)], [], proration)

    def report_usage(self, item: str, units: int) -> None:
        """Report usage of a metered item; the invoice of the period's end bills it. Emits nothing."""
        self._usage[item] = self._usage.get(item, 0) + units

    @verb
    def update_subscription(
        self, subscription: str, *, metadata: Metadata | None = None, description: str | None = None
    ) -> Subscription:
        """Change what has no effect on money; emits customer.subscription.updated."""
        found = self.subscriptions[subscription]
        return self._change(
            found,
            metadata=found.metadata if metadata is None else metadata,
            description=found.description if description is None else description,
        )

    @verb
    def apply_coupon(self, subscription: str, coupon: str, *, item: str | None = None) -> Subscription:
        """Put a coupon behind the discounts of a subscription, or of one item.

        Emits customer.discount.created and customer.subscription.updated.
        """
        found = self.running(subscription)
        discounted = self._discounted(found, [self.coupons[coupon]], item)
        changed = self._change(found, discounts=discounted.discounts, items=discounted.items)
        known = {d.id for d in found.discounts} | {d.id for i in found.items for d in i.discounts}
        for discount in (*changed.discounts, *(d for i in changed.items for d in i.discounts)):
            if discount.id not in known:
                self.emit("customer.discount.created", discount)
        return changed

    @verb
    def remove_coupon(self, subscription: str, discount: str | None = None) -> Subscription:
        """Remove one discount, or all; emits customer.subscription.updated and customer.discount.deleted for each."""
        return self._take_discounts_off(self.running(subscription), lambda d: discount in (None, d.id))

    @verb
    def apply_customer_coupon(self, customer: str, coupon: str) -> Customer:
        """Give the customer a discount on every subscription that has none of its own.

        Emits customer.discount.created and customer.updated.
        """
        owner = self.customer(customer)
        discount = self._new_discount(self.coupons[coupon], customer)
        if discount.end is not None:
            self.clock.schedule(discount.end, self._end_customer_discount, customer, discount.id)
        owner = self.update(owner, "customer.updated", discount=discount)
        self.emit("customer.discount.created", discount)
        return owner

    def running(self, subscription: str) -> Subscription:
        """Return a subscription that can be changed. Raises KeyError if unknown, RefusedError if it has ended or its
        first payment is missing."""
        found = self.subscriptions[subscription]
        if found.ended or found.status == "incomplete":
            raise RefusedError(f"subscription {subscription} is {found.status}")
        return found

    def _end_customer_discount(self, customer: str, discount: str) -> None:
        owner = self.customers[customer]
        if not owner.deleted and owner.discount is not None and owner.discount.id == discount:
            ended: Discount = owner.discount
            self.update(owner, "customer.updated", discount=None)
            self.emit("customer.discount.deleted", ended)

    # Prorations ------------------------------------------------------------------------------------------------------

    def _exchange(
        self,
        subscription: Subscription,
        old: Sequence[SubscriptionItem],
        new: Sequence[SubscriptionItem],
        proration: Proration,
    ) -> Subscription:
        """Put new items in the place of old ones, within the running period."""
        kept = {item.id: item for item in subscription.items}
        for item in old:
            del kept[item.id]
        replaced = {item.id: item for item in new}
        items = tuple(replaced.pop(i.id, i) for i in subscription.items if i.id in kept or i.id in replaced)
        items = (*items, *replaced.values())
        if items == subscription.items:
            return subscription
        if proration != "none" and subscription.status in ("active", "past_due"):
            lines = [self._proration(item, subscription, credit=True) for item in old]
            lines += [self._proration(item, subscription, credit=False) for item in new]
            self._pending.setdefault(subscription.id, []).extend(line for line in lines if line.line.amount)
        if proration == "always_invoice" and self._pending.get(subscription.id):
            return self._invoice_now(subscription, replace(subscription, items=items))
        return self._change(subscription, items=items)

    def _change_interval(
        self, subscription: Subscription, old: SubscriptionItem, new: SubscriptionItem
    ) -> Subscription:
        """Begin the period of the new interval now, crediting what is left of the old one; a trial just goes on."""
        if len(subscription.items) > 1 and subscription.billing_mode == "classic":
            raise RefusedError("all prices of a classic subscription have one interval")
        items = tuple(new if item.id == old.id else item for item in subscription.items)
        if subscription.status not in ("active", "past_due"):
            return self._change(subscription, items=items)
        end = next_boundary(self.now, new.price.interval, new.price.interval_count, self.now)
        begun = replace(new, current_period_start=self.now, current_period_end=end)
        self._pending.setdefault(subscription.id, []).append(self._proration(old, subscription, credit=True))
        items = tuple(begun if item.id == old.id else item for item in subscription.items)
        changed = self._invoice_now(
            subscription, replace(subscription, items=items, billing_cycle_anchor=self.now), [begun]
        )
        self._schedule_renewals(changed, [begun])
        return changed

    def _invoice_now(
        self, before: Subscription, after: Subscription, items: Sequence[SubscriptionItem] = ()
    ) -> Subscription:
        """Change a subscription and bill what is pending, and the new periods of these items, in the same second."""
        invoice = self._invoice_items(after, items, "subscription_update")
        self._change(
            before,
            items=after.items,
            billing_cycle_anchor=after.billing_cycle_anchor,
            latest_invoice=invoice.id,
        )
        self._advance_draft(invoice, counted=True)
        return self.subscriptions[before.id]

    def _proration(self, item: SubscriptionItem, subscription: Subscription, *, credit: bool) -> Charged:
        """The line for the rest of an item's period: money back for the old item, money due for the new one."""
        left = part_left(item.current_period_start, item.current_period_end, self.now)
        amount = 0 if item.price.metered else whole(cost(item.price, item.quantity or 0) * left)
        text = "Unused time on" if credit else "Remaining time on"
        line = self._line(
            -amount if credit else amount,
            subscription.currency,
            f"{text} {item.quantity or 0} × {self._label(item.price)}",
            type="invoiceitem",
            invoice_item=self.ids.new("ii"),
            price=item.price,
            quantity=item.quantity,
            period_start=self.now,
            period_end=item.current_period_end,
            proration=True,
            subscription=subscription.id,
            subscription_item=item.id,
        )
        return self._charged(line, item, subscription)
