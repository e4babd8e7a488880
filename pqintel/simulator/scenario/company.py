"""The company: what can happen between it and its customers, each happening one method."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pqintel.simulator.clock import DAY
from pqintel.simulator.state import Subscription, SubscriptionItem

from .arrivals import LASTING, SOFT, Arrivals
from .offer import PLANS, SEATS, Plan

FEEDBACK = ("too_expensive", "missing_features", "switched_service", "unused", "low_quality", "too_complex", "other")
Happening = Callable[[Random], bool]
"""Draws from the given randomness, does one thing at the account's present second, and says whether it found
someone to do it with."""


class Company(Arrivals):
    """A software company that sells through an account. Everything it does follows from the randomness it is given."""

    # Growing and shrinking -------------------------------------------------------------------------------------------

    def more_seats(self, random: Random) -> bool:
        """A team grows."""
        return self._change_seats(random, up=True)

    def fewer_seats(self, random: Random) -> bool:
        """A team shrinks."""
        return self._change_seats(random, up=False)

    def _change_seats(self, random: Random, *, up: bool) -> bool:
        def room(item: SubscriptionItem, plan: Plan) -> int:
            fewest, most = SEATS[plan]
            return most - (item.quantity or 0) if up else (item.quantity or 0) - fewest

        found = self._pick(random, lambda s: (plan := self._plan(s)) is not None and room(s.items[0], plan) > 0)
        if found is None:
            return False
        plan = self._plan(found)
        assert plan is not None
        step = min(room(found.items[0], plan), random.choice((1, 1, 1, 2, 2, 3, 5)))
        quantity = (found.items[0].quantity or 0) + (step if up else -step)
        self.account.change(found.id, quantity=quantity)
        return True

    def upgrade(self, random: Random) -> bool:
        """A customer takes the next bigger plan."""
        return self._change_plan(random, +1)

    def downgrade(self, random: Random) -> bool:
        """A customer takes the next smaller plan."""
        return self._change_plan(random, -1)

    def _change_plan(self, random: Random, step: int, *, decline: str | None = None) -> bool:
        def fits(subscription: Subscription) -> bool:
            plan = self._plan(subscription)
            return plan is not None and 0 <= PLANS.index(plan) + step < len(PLANS)

        found = self._pick(random, fits)
        if found is None:
            return False
        plan = self._plan(found)
        assert plan is not None
        chosen = PLANS[PLANS.index(plan) + step]
        item = found.items[0]
        price = self.offer.plans[chosen, item.price.interval, found.currency]
        fewest, most = SEATS[chosen]
        quantity = min(most, max(fewest, item.quantity or 1))
        at_once = decline is not None or (step > 0 and random.random() < 0.5)
        if decline is not None:
            self.account.decline_next(found.customer, decline)
        self.account.change(
            found.id, price=price.id, quantity=quantity, proration="always_invoice" if at_once else "create_prorations"
        )
        return True

    def go_yearly(self, random: Random) -> bool:
        """A monthly customer pays for a year at once."""
        found = self._pick(
            random, lambda s: len(s.items) == 1 and s.items[0].price.interval == "month" and s.status == "active"
        )
        plan = self._plan(found) if found else None
        if found is None or plan is None:
            return False
        self.account.change(found.id, price=self.offer.plans[plan, "year", found.currency].id)
        return True

    def add_on(self, random: Random) -> bool:
        """A monthly team adds the audit log."""
        found = self._pick(
            random,
            lambda s: (
                s.items[0].price.interval == "month"
                and self._plan(s) in ("growth", "scale")
                and all(item.price != self.offer.add_ons[s.currency] for item in s.items)
            ),
        )
        if found is None:
            return False
        self.account.add_item(found.id, self.offer.add_ons[found.currency].id)
        return True

    def report_usage(self, random: Random) -> bool:
        """A day's API calls of one customer with a metered item."""
        found = self._pick(random, lambda s: any(item.price.metered for item in s.items))
        if found is None:
            return False
        item = next(item for item in found.items if item.price.metered)
        self.account.report_usage(item.id, random.randint(400, 30_000))
        return True

    # Failing, recovering, leaving ------------------------------------------------------------------------------------

    def card_trouble(self, random: Random) -> bool:
        """A card that will decline at its next charge: for a while, or until it is replaced."""
        found = self._pick(random, lambda s: s.collection_method == "charge_automatically")
        if found is None:
            return False
        if random.random() < 0.55:
            self.account.decline_next(found.customer, *random.choices(SOFT, k=random.choice((1, 1, 1, 2, 4))))
        else:
            self.account.break_card(found.customer, random.choice(LASTING))
        return True

    def failed_upgrade(self, random: Random) -> bool:
        """An upgrade whose payment is declined at once, so that the subscription falls behind."""
        return self._change_plan(random, +1, decline=random.choice((*SOFT, *LASTING)))

    def recover(self, random: Random) -> bool:
        """A customer whose payment failed gives a new card."""
        behind = self._pick(random, lambda s: s.status == "past_due", among=("past_due",))
        if behind is None:
            return False
        self.account.recover(behind.customer)
        return True

    def pay_sent_invoice(self, random: Random) -> bool:
        """An invoice that was sent is paid by bank transfer."""
        waiting = self.clientele.owing()
        if not waiting:
            return False
        self.account.pay_invoice(random.choice(waiting), out_of_band=True)
        return True

    def give_notice(self, random: Random) -> bool:
        """A customer cancels at the end of the period; some say why."""
        found = self._pick(random, lambda s: s.cancel_at is None, among=("active", "trialing"))
        if found is None:
            return False
        self.account.schedule_cancel(found.id, portal=random.random() < 0.3, feedback=random.choice((None, *FEEDBACK)))
        return True

    def change_mind(self, random: Random) -> bool:
        """A customer who gave notice stays after all."""
        found = self._pick(random, lambda s: s.cancel_at is not None)
        if found is None:
            return False
        self.account.undo_cancel(found.id)
        return True

    def leave_now(self, random: Random) -> bool:
        """A customer is gone from one second to the next."""
        found = self._pick(random, lambda s: s.cancel_at is None)
        if found is None:
            return False
        self.account.cancel(found.id, feedback=random.choice((None, *FEEDBACK)))
        return True

    def pause(self, random: Random) -> bool:
        """Collection is paused for a month or so."""
        found = self._pick(random, lambda s: s.pause_collection is None and s.cancel_at is None, among=("active",))
        if found is None:
            return False
        self.account.pause(found.id, "void", resumes_at=self.account.now + random.randint(10, 45) * DAY)
        return True

    def extra_work(self, random: Random) -> bool:
        """A one-off invoice for onboarding or a migration."""
        found = self._pick(random, lambda s: s.collection_method == "charge_automatically", among=("active",))
        if found is None:
            return False
        amount = random.choice((15000, 25000, 50000, 120000))
        self.account.invoice_once(found.customer, amount, description="Onboarding")
        return True

    def reward(self, random: Random) -> bool:
        """Support gives a coupon."""
        found = self._pick(random, lambda s: not s.discounts, among=("active",))
        if found is None:
            return False
        self.account.apply_coupon(found.id, self.offer.coupons[random.choice(("launch", "friends"))].id)
        return True
