"""Random short histories for property tests: every verb, every kind of price, many things in one second."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from pqintel.simulator.account import Account, Settings
from pqintel.simulator.catalogue import TierSpec
from pqintel.simulator.clock import DAY, HOUR
from pqintel.simulator.declines import DECLINES
from pqintel.simulator.state import Coupon, Interval, PauseBehavior, Price, Subscription, TaxRate

_START = 1_735_689_600  # 2025-01-01, so that a history is the same on every day it is made
_PAUSES = (0, 0, 0, 0, 0, 0, 1, 2, 60, HOUR, HOUR, 5 * HOUR, DAY, 2 * DAY, 5 * DAY, 16 * DAY)
_ENDINGS: tuple[Literal["canceled", "unpaid", "past_due", "paused"], ...] = (
    "canceled",
    "canceled",
    "unpaid",
    "past_due",
    "paused",
)


def random_lifecycle(
    seed: int | str,
    size: int,
    *,
    livemode: bool = False,
    customer_discounts: bool = False,
    stacked_discounts: bool = True,
) -> Account:
    """Return an account after `size` random happenings, at whose end the clock has gone on for some more weeks.

    All prices, coupons, statuses and verbs occur; about half of the happenings share their second with the one
    before. The same arguments give the same account. Discounts that belong to a customer instead of a subscription
    occur only when asked for; several on one subscription, or on an item, unless they are not wanted: API versions up
    to 2022-11-15 cannot express those.
    """
    life = _Life(seed, livemode=livemode, of_customers=customer_discounts, stacked=stacked_discounts)
    for _ in range(size):
        life.account.advance(life.account.now + life.random.choice(_PAUSES))
        life.happen()
    life.account.advance(life.account.now + life.random.choice((0, HOUR, 20 * DAY, 70 * DAY)))
    return life.account


class _Life:
    """One random history on its way."""

    def __init__(self, seed: int | str, *, livemode: bool, of_customers: bool, stacked: bool) -> None:
        self._of_customers = of_customers
        self._stacked = stacked
        self.random = Random(f"life:{seed}")
        settings = Settings(
            after_retries=self.random.choice(_ENDINGS),
            announce_coupon_end=self.random.random() < 0.5,
        )
        self.account = Account(seed, _START, livemode=livemode, settings=settings)
        self._prices: dict[str, list[Price]] = {}
        self._coupons: dict[str, list[Coupon]] = {}
        self._taxes: list[tuple[TaxRate, ...]] = [()]
        for currency, unit in (("usd", 1000), ("eur", 900), ("jpy", 1500), ("kwd", 3500)):
            self._publish(currency, unit)
        self._taxes.append((self.account.tax_rate(19, country="DE"),))
        self._taxes.append((self.account.tax_rate(20, inclusive=True, country="FR"),))

    def _publish(self, currency: str, unit: int) -> None:
        account = self.account
        product = account.create_product(f"Plan in {currency}").id
        intervals: tuple[tuple[Interval, int], ...] = (
            ("month", 1), ("month", 3), ("year", 1), ("week", 1), ("week", 2), ("day", 1)
        )  # fmt: skip
        prices = [
            account.create_price(product, unit * count * 3, interval=interval, interval_count=count, currency=currency)
            for interval, count in intervals
        ]
        seats: list[TierSpec] = [(5, unit), (10, f"{unit * 0.925:.1f}"), (None, f"{unit * 0.85:.1f}", 2 * unit)]
        prices += [
            account.create_price(product, currency=currency, tiers_mode="graduated", tiers=seats),
            account.create_price(product, currency=currency, tiers_mode="volume", tiers=seats),
            account.create_price(product, "12.5", currency=currency, metered=True),
            account.create_price(product, unit, currency=currency, divide_by=5, divide_round="up"),
            account.create_price(product, unit, currency=currency, divide_by=3, divide_round="down"),
            account.create_price(product, 0, currency=currency, nickname="free"),
        ]
        self._prices[currency] = prices
        self._coupons[currency] = [
            account.create_coupon(percent_off="12.5", duration="forever"),
            account.create_coupon(percent_off=25, duration="repeating", months=2),
            account.create_coupon(percent_off=50, duration="once"),
            account.create_coupon(percent_off=100, duration="repeating", months=1),
            account.create_coupon(amount_off=unit // 2, currency=currency, duration="forever"),
            account.create_coupon(amount_off=unit * 2, currency=currency, duration="repeating", months=3),
            account.create_coupon(amount_off=unit, currency=currency, duration="once"),
        ]

    # Choosing --------------------------------------------------------------------------------------------------------

    def happen(self) -> None:
        """Let one thing happen: to somebody new, or to one of those that are there."""
        running = self._running()
        if not running or self.random.random() < 0.25:
            self.random.choice((self._check_out, self._subscribe, self._without_subscription))()
            return
        subscription = self.random.choice(running)
        choices = {"trialing": self._for_trial, "paused": self._for_paused}.get(subscription.status, self._for_running)
        self.random.choice((*choices(), *self._for_any()))(subscription)

    def _running(self) -> list[Subscription]:
        return [s for s in self.account.subscriptions.values() if not s.ended and s.status != "incomplete"]

    def _for_trial(self) -> tuple[Callable[[Subscription], object], ...]:
        account = self.account
        return (
            lambda s: account.end_trial(s.id),
            lambda s: account.extend_trial(s.id, account.now + self.random.randint(1, 20) * DAY),
            lambda s: account.remove_card(s.customer),
        )

    def _for_paused(self) -> tuple[Callable[[Subscription], object], ...]:
        return (lambda s: self.account.resume(s.id), lambda s: self.account.replace_card(s.customer)) * 3

    def _for_running(self) -> tuple[Callable[[Subscription], object], ...]:
        account = self.account
        return (
            self._change_price,
            self._change_quantity,
            self._change_items,
            lambda s: account.decline_next(s.customer, *self._codes()),
            lambda s: account.break_card(s.customer, self._codes()[0]),
            lambda s: account.recover(s.customer),
            self._handle_invoice,
        )

    def _for_any(self) -> tuple[Callable[[Subscription], object], ...]:
        account = self.account
        of_customer = (self._discount_customer,) if self._of_customers else ()
        return (
            *of_customer,
            self._change_quantity,
            self._discount,
            lambda s: account.remove_coupon(s.id),
            self._pause,
            lambda s: account.resume(s.id),
            self._schedule_cancel,
            lambda s: account.undo_cancel(s.id),
            lambda s: account.cancel(s.id, reason=self.random.choice(("cancellation_requested", "payment_disputed"))),
            lambda s: account.update_subscription(s.id, metadata={"note": str(self.random.randint(1, 9))}),
            lambda s: account.update_customer(s.customer, name=f"Renamed {self.random.randint(1, 9)}"),
            self._rarely_delete_customer,
        )

    def _codes(self) -> list[str]:
        return self.random.choices(list(DECLINES), k=self.random.randint(1, 3))

    # Coming ----------------------------------------------------------------------------------------------------------

    def _cart(self) -> tuple[str, list[tuple[str, int]]]:
        """One or two prices of one currency and, for a second item, of one interval."""
        currency = self.random.choice(("usd", "usd", "eur", "jpy", "kwd"))
        prices = self._prices[currency]
        first = self.random.choice([p for p in prices if p.interval != "day" or self.random.random() < 0.3])
        same = [p for p in prices if p.interval == first.interval and p.id != first.id]
        same = [p for p in same if p.interval_count == first.interval_count]
        chosen = [first, *(self.random.sample(same, 1) if same and self.random.random() < 0.3 else ())]
        return currency, [(price.id, self.random.randint(1, 14)) for price in chosen]

    def _some_coupons(self, currency: str) -> list[str]:
        coupons = [coupon.id for coupon in self._coupons[currency]]
        return self.random.sample(coupons, self.random.choice((0, 0, 0, 1, 1, 2 if self._stacked else 1)))

    def _check_out(self) -> None:
        currency, items = self._cart()
        self.account.checkout(
            items,
            name="Visitor",
            email="visitor@shop.example",
            country=self.random.choice(("US", "DE", "FR")),
            coupons=self._some_coupons(currency),
            trial_days=self.random.choice((0, 0, 0, 1, 7, 14)),
            tax_rates=self.random.choice(self._taxes),
            declines=self._codes() if self.random.random() < 0.15 else (),
        )

    def _subscribe(self) -> None:
        currency, items = self._cart()
        known = [c.id for c in self.account.customers.values() if not c.deleted and c.currency == currency]
        again = known and self.random.random() < 0.5
        customer = self.random.choice(known) if again else self.account.create_customer(name="Buyer").id
        by_invoice = self.random.random() < 0.15
        subscription = self.account.subscribe(
            customer,
            items,
            coupons=self._some_coupons(currency),
            trial_days=self.random.choice((0, 0, 2, 10)),
            trial_end_behavior=self.random.choice(("create_invoice", "pause", "cancel")),
            decline=self._codes()[0] if self.random.random() < 0.2 else None,
            payment=self.random.choice(("now", "now", "now", "later")),
            collection_method="send_invoice" if by_invoice else "charge_automatically",
            tax_rates=self.random.choice(self._taxes),
            billing_mode=self.random.choice(("classic", "flexible")),
        )
        if subscription.status == "incomplete" and self.random.random() < 0.5:
            assert subscription.latest_invoice is not None
            self.account.pay_invoice(subscription.latest_invoice)

    def _without_subscription(self) -> None:
        account = self.account
        customer = account.create_customer(name="Guest").id
        if self.random.random() < 0.3:
            account.decline_next(customer, self._codes()[0])
        match self.random.randint(0, 5):
            case 0:
                account.take_payment(customer, self.random.randint(100, 9000), description="Workshop")
            case 1:
                account.invoice_once(customer, self.random.randint(100, 9000))
            case 2:
                account.invoice_once(customer, 5000, collection_method="send_invoice", days_until_due=7)
            case 3:
                draft = account.invoice_once(customer, self.random.randint(100, 9000), finalize=False)
                self.random.choice((account.finalize_invoice, account.delete_draft))(draft.id)
            case 4:
                self._change_catalogue()
            case _:
                account.open_checkout(self._cart()[1])

    def _change_catalogue(self) -> None:
        price = self.random.choice(list(self.account.prices))
        if self.random.random() < 0.5:
            self.account.update_price(price, nickname=f"Price {self.random.randint(1, 9)}")
        else:
            self.account.update_product(self.account.prices[price].product, name=f"Plan {self.random.randint(1, 9)}")

    # Changing --------------------------------------------------------------------------------------------------------

    def _change_price(self, subscription: Subscription) -> None:
        item = self.random.choice(subscription.items)
        prices = [p for p in self._prices[subscription.currency] if not p.metered]
        if len(subscription.items) > 1:
            prices = [
                p for p in prices if (p.interval, p.interval_count) == (item.price.interval, item.price.interval_count)
            ]
        self.account.change(
            subscription.id,
            item=item.id,
            price=self.random.choice(prices).id,
            proration=self.random.choice(("create_prorations", "always_invoice", "none")),
        )

    def _change_quantity(self, subscription: Subscription) -> None:
        item = self.random.choice(subscription.items)
        if item.price.metered:
            self.account.report_usage(item.id, self.random.randint(1, 500))
        else:
            self.account.change(subscription.id, item=item.id, quantity=self.random.randint(1, 25))

    def _change_items(self, subscription: Subscription) -> None:
        if len(subscription.items) > 1:
            self.account.remove_item(subscription.id, self.random.choice(subscription.items).id)
            return
        interval = (subscription.items[0].price.interval, subscription.items[0].price.interval_count)
        same = [p for p in self._prices[subscription.currency] if (p.interval, p.interval_count) == interval]
        self.account.add_item(subscription.id, self.random.choice(same).id, self.random.randint(1, 6))

    def _discount(self, subscription: Subscription) -> None:
        coupon = self.random.choice(self._coupons[subscription.currency])
        item = self.random.choice((None, self.random.choice(subscription.items).id)) if self._stacked else None
        if self._stacked or not subscription.discounts:
            self.account.apply_coupon(subscription.id, coupon.id, item=item)

    def _discount_customer(self, subscription: Subscription) -> None:
        coupon = self.random.choice(self._coupons[subscription.currency])
        if coupon.amount_off is None:  # an amount would not fit the customer's subscriptions in other currencies
            self.account.apply_customer_coupon(subscription.customer, coupon.id)

    def _pause(self, subscription: Subscription) -> None:
        resumes_at = self.random.choice((None, self.account.now + self.random.randint(1, 40) * DAY))
        behaviors: tuple[PauseBehavior, ...] = ("void", "mark_uncollectible", "keep_as_draft")
        self.account.pause(subscription.id, self.random.choice(behaviors), resumes_at=resumes_at)

    def _schedule_cancel(self, subscription: Subscription) -> None:
        at = self.random.choice((None, None, self.account.now + self.random.randint(1, 60) * DAY))
        if at is not None or subscription.current_period_end > self.account.now:
            self.account.schedule_cancel(subscription.id, at=at, portal=self.random.random() < 0.3)

    def _handle_invoice(self, subscription: Subscription) -> None:
        account = self.account
        open_ones = [i.id for i in account.invoices_of(subscription.id) if i.status == "open"]
        drafts = [i.id for i in account.invoices_of(subscription.id) if i.status == "draft"]
        if drafts:
            account.finalize_invoice(self.random.choice(drafts))
        elif open_ones:
            invoice = self.random.choice(open_ones)
            self.random.choice((account.pay_invoice, account.void_invoice, account.mark_uncollectible))(invoice)

    def _rarely_delete_customer(self, subscription: Subscription) -> None:
        if self.random.random() < 0.2:
            self.account.delete_customer(subscription.customer)
