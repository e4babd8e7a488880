"""What happens to a subscription by itself as time passes: renewals, trial ends, expiry, scheduled ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from .billing_cycle import next_boundary
from .clock import DAY
from .collection import Collection
from .invoice_amounts import Charged
from .pricing import cost, whole
from .state import BillingReason, Discount, Invoice, InvoiceLine, Price, Subscription, SubscriptionItem

TRIAL_NOTICE = 3 * DAY


class Renewals(Collection):
    """The side of subscriptions that follows the clock; the verbs above schedule it."""

    def _open(self) -> None:
        super()._open()
        self._pending: dict[str, list[Charged]] = {}
        self._usage: dict[str, int] = {}
        self._spent: set[str] = set()

    # Invoices of subscriptions ---------------------------------------------------------------------------------------

    def _invoice_items(
        self,
        subscription: Subscription,
        items: Sequence[SubscriptionItem],
        reason: BillingReason,
        *,
        before: Mapping[str, SubscriptionItem] | None = None,
        auto_advance: bool = True,
    ) -> Invoice:
        """Draft an invoice over pending prorations and these items; `before` holds them as they were in the period
        that ended."""
        free = subscription.status == "trialing"
        ended = before or {}
        charged = self._pending.pop(subscription.id, [])
        charged += [self._item_line(item, subscription, ended.get(item.id), free=free) for item in items]
        period = None
        if ended:
            period = (min(i.current_period_start for i in ended.values()), self.now)
        return self._invoice(subscription, charged, reason, period=period, auto_advance=auto_advance)

    def _invoice(
        self,
        subscription: Subscription,
        charged: Sequence[Charged],
        reason: BillingReason,
        *,
        period: tuple[int, int] | None = None,
        auto_advance: bool = True,
    ) -> Invoice:
        customer = self.customers[subscription.customer]
        discounts = self._live(subscription.discounts)
        if not subscription.discounts and customer.discount is not None:
            discounts = self._live([customer.discount])
        sent = subscription.collection_method == "send_invoice"
        invoice = self._draft(
            customer,
            charged,
            currency=subscription.currency,
            reason=reason,
            discounts=discounts,
            subscription=subscription,
            period=period,
            auto_advance=auto_advance,
            collection_method=subscription.collection_method,
            days_until_due=subscription.days_until_due if sent else None,
        )
        once = {d.id for d in discounts if d.coupon.duration == "once"}
        once |= {d.id for entry in charged for d in entry.discounts if d.coupon.duration == "once"}
        self._spent |= {discount for discount, off in invoice.total_discount_amounts if off and discount in once}
        return invoice

    def _item_line(
        self,
        item: SubscriptionItem,
        subscription: Subscription,
        ended: SubscriptionItem | None,
        *,
        free: bool = False,
    ) -> Charged:
        """Return the line of an item: its present period in advance, or the usage of the period that ended."""
        period = (item.current_period_start, item.current_period_end)
        units = item.quantity or 0
        if item.price.metered:
            units = self._usage.pop(item.id, 0)
            period = (ended.current_period_start, ended.current_period_end) if ended else (self.now, self.now)
        line = self._line(
            0 if free else whole(cost(item.price, units)),
            item.price.currency,
            f"{'Trial period for ' if free else f'{units} × '}{self._label(item.price)}",
            type="subscription",
            price=item.price,
            quantity=units,
            period_start=period[0],
            period_end=period[1],
            subscription=subscription.id,
            subscription_item=item.id,
        )
        return self._charged(line, item, subscription)

    def _charged(self, line: InvoiceLine, item: SubscriptionItem, subscription: Subscription) -> Charged:
        return Charged(line, self._live(item.discounts), item.tax_rates or subscription.default_tax_rates)

    def _label(self, price: Price) -> str:
        every = price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"
        return f"{self.products[price.product].name} (per {every})"

    def _live(self, discounts: Iterable[Discount]) -> tuple[Discount, ...]:
        """The discounts that the next invoice takes: running ones, and of the `once` ones those not yet used."""
        return tuple(d for d in discounts if (d.end is None or self.now < d.end) and d.id not in self._spent)

    # What falls due --------------------------------------------------------------------------------------------------

    def _schedule_renewals(self, subscription: Subscription, items: Sequence[SubscriptionItem]) -> None:
        for end in sorted({item.current_period_end for item in items}):
            self.clock.schedule(end, self._renew, subscription.id, end)

    def _renew(self, subscription_id: str, at: int) -> None:
        """A period ends: end the subscription if that was asked for, otherwise begin the next period and bill it."""
        subscription = self.subscriptions[subscription_id]
        due = {item.id: item for item in subscription.items if item.current_period_end == at}
        if not due or subscription.status not in ("trialing", "active", "past_due", "unpaid"):
            return
        if subscription.cancel_at is not None and subscription.cancel_at <= at:
            self._end(subscription, subscription.cancellation_reason)
            return
        status = subscription.status
        if status == "trialing":
            if self._trial_ends_without_card(subscription):
                return
            status = "active"
        self._begin_period(replace(subscription, status=status), due)

    def _begin_period(self, subscription: Subscription, due: Mapping[str, SubscriptionItem]) -> None:
        """Begin the next period of the items that are due, and draft its invoice. `subscription` is as it will be;
        what it was is still stored."""
        items = tuple(self._rolled(item, subscription) if item.id in due else item for item in subscription.items)
        rolled = [item for item in items if item.id in due]
        discounts = self._live(subscription.discounts)
        dropped = [d for d in subscription.discounts if d not in discounts]
        for item in rolled:
            dropped += [d for d in due[item.id].discounts if d not in item.discounts]
        pause = subscription.pause_collection
        held = pause is not None and pause.behavior == "keep_as_draft"
        following = replace(subscription, items=items, discounts=discounts)
        invoice = self._invoice_items(
            following,
            rolled,
            "subscription_cycle",
            before=due,
            auto_advance=subscription.status != "unpaid" and not held,
        )
        self._change(
            self.subscriptions[subscription.id],
            items=items,
            discounts=discounts,
            status=subscription.status,
            trial_end=subscription.trial_end,
            billing_cycle_anchor=subscription.billing_cycle_anchor,
            latest_invoice=invoice.id,
        )
        for discount in dropped:
            self.emit("customer.discount.deleted", discount)
        if pause is not None and not held:
            self._close(self._finalize(invoice, ask=False), "void" if pause.behavior == "void" else "uncollectible")
        elif invoice.auto_advance:
            self.clock.schedule(self.now + self.settings.draft_time, self._finalize_due, invoice.id)
        self._schedule_renewals(subscription, rolled)

    def _rolled(self, item: SubscriptionItem, subscription: Subscription) -> SubscriptionItem:
        start = item.current_period_end
        return replace(
            item,
            current_period_start=start,
            current_period_end=next_boundary(
                subscription.billing_cycle_anchor, item.price.interval, item.price.interval_count, start
            ),
            discounts=self._live(item.discounts),
        )

    def _trial_ends_without_card(self, subscription: Subscription) -> bool:
        """Do what the subscription says about trials that end without a payment method; False when it has one or is
        billed all the same."""
        if (
            subscription.trial_end_behavior == "create_invoice"
            or self.customers[subscription.customer].card is not None
        ):
            return False
        if subscription.trial_end_behavior == "cancel":
            self._end(subscription, subscription.cancellation_reason)
        else:
            self.emit("customer.subscription.paused", self._change(subscription, status="paused"))
        return True

    def _give_trial_notice(self, subscription_id: str, trial_end: int) -> None:
        subscription = self.subscriptions[subscription_id]
        if subscription.status == "trialing" and subscription.trial_end == trial_end:
            self.emit("customer.subscription.trial_will_end", subscription)

    def _expire_incomplete(self, subscription_id: str) -> None:
        """The first payment never came: void its invoice, which expires the subscription."""
        subscription = self.subscriptions[subscription_id]
        if subscription.status == "incomplete" and subscription.latest_invoice is not None:
            self._write_off(self.invoices[subscription.latest_invoice], "void")

    def _end_scheduled(self, subscription_id: str, at: int) -> None:
        subscription = self.subscriptions[subscription_id]
        if not subscription.ended and subscription.cancel_at == at:
            self._end(subscription, subscription.cancellation_reason)

    def _resume_collection_due(self, subscription_id: str, at: int) -> None:
        subscription = self.subscriptions[subscription_id]
        pause = subscription.pause_collection
        if not subscription.ended and pause is not None and pause.resumes_at == at:
            self._change(subscription, pause_collection=None)

    def _end_discount(self, subscription_id: str, discount_id: str) -> None:
        """A repeating coupon has run its months."""
        subscription = self.subscriptions[subscription_id]
        if self.settings.announce_coupon_end and not subscription.ended:
            self._take_discounts_off(subscription, lambda discount: discount.id == discount_id)

    def _take_discounts_off(self, subscription: Subscription, which: Callable[[Discount], bool]) -> Subscription:
        """Remove discounts of the subscription and its items; emits customer.subscription.updated and, for each,
        customer.discount.deleted."""
        of_items = [d for item in subscription.items for d in item.discounts]
        gone = [discount for discount in (*subscription.discounts, *of_items) if which(discount)]
        changed = self._change(
            subscription,
            discounts=tuple(d for d in subscription.discounts if not which(d)),
            items=tuple(
                replace(item, discounts=tuple(d for d in item.discounts if not which(d))) for item in subscription.items
            ),
        )
        for discount in gone:
            self.emit("customer.discount.deleted", discount)
        return changed
