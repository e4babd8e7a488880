"""The company: what can happen between it and its customers, each happening one method."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.state import Interval, Subscription, SubscriptionItem

from .clientele import Clientele
from .offer import PLANS, SEATS, Offer, Plan, publish
from .people import Buyer, new_buyer

SOFT = ("insufficient_funds", "generic_decline", "do_not_honor", "try_again_later", "card_velocity_exceeded")
LASTING = ("expired_card", "lost_card", "stolen_card", "transaction_not_allowed", "authentication_required")
FEEDBACK = ("too_expensive", "missing_features", "switched_service", "unused", "low_quality", "too_complex", "other")
Happening = Callable[[Random], bool]
"""Draws from the given randomness, does one thing at the account's present second, and says whether it found
someone to do it with."""


class Company:
    """A software company that sells through an account. Everything it does follows from the randomness it is given."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.offer: Offer = publish(account)
        self.clientele = Clientele(account)
        self._names: set[str] = set()
        self._signed_up = 0

    # Coming ----------------------------------------------------------------------------------------------------------

    def sign_up(self, random: Random) -> bool:
        """Someone new: through Checkout, or set up by sales; some with a trial, some with a coupon."""
        buyer = new_buyer(random, self._names)
        self._signed_up += 1
        plan: Plan = random.choices(PLANS, (46, 40, 14))[0]
        interval: Interval = "year" if random.random() < 0.27 else "month"
        items = [(self.offer.plans[plan, interval, buyer.currency].id, self._first_seats(plan, random))]
        coupons = self._coupons_for(buyer, plan, random)
        trial_days = 14 if random.random() < 0.34 else 0
        taxes = self.offer.taxes.get(buyer.country, ())
        if plan != "starter" and interval == "month" and random.random() < 0.3:
            items.append((self.offer.usage[buyer.currency].id, 1))
        if plan == "scale" and random.random() < 0.45:
            return self._set_up(buyer, items, coupons, trial_days, random)
        declines = (random.choice(SOFT),) if random.random() < 0.04 and not trial_days else ()
        session = self.account.checkout(
            items,
            name=buyer.company,
            email=buyer.email,
            country=buyer.country,
            coupons=coupons,
            trial_days=trial_days,
            tax_rates=taxes,
            declines=declines,
            client_reference_id=f"team-{self._signed_up}",
        )
        if trial_days:
            assert session.customer is not None
            assert session.subscription is not None
            self._doubt_trial(session.customer, session.subscription, random)
        return True

    def _set_up(
        self, buyer: Buyer, items: list[tuple[str, int]], coupons: list[str], trial_days: int, random: Random
    ) -> bool:
        by_invoice = random.random() < 0.4
        customer = self.account.create_customer(
            name=buyer.company,
            email=buyer.email,
            country=buyer.country,
            card=not by_invoice,
            description=f"Contact: {buyer.person}",
            metadata={"team": f"team-{self._signed_up}"},
        )
        self.account.subscribe(
            customer.id,
            items,
            coupons=coupons,
            trial_days=trial_days,
            collection_method="send_invoice" if by_invoice else "charge_automatically",
            tax_rates=self.offer.taxes.get(buyer.country, ()),
            metadata={"team": f"team-{self._signed_up}"},
        )
        return True

    def _doubt_trial(self, customer: str, subscription: str, random: Random) -> None:
        """A third of the trials do not become customers: most of those cancel, the others' cards decline."""
        chance = random.random()
        if chance < 0.25:
            self.account.clock.schedule(self.account.now + random.randint(2, 13) * DAY, self._leave, subscription)
        elif chance < 0.33:
            self.account.break_card(customer, random.choice(LASTING))

    def _leave(self, subscription: str) -> None:
        found = self.account.subscriptions[subscription]
        if found.status == "trialing" and found.cancel_at is None:
            self.account.schedule_cancel(subscription, feedback="unused")

    def convert(self, random: Random) -> bool:
        """A trial is ended early: most begin to pay, some leave."""
        found = self._pick(random, lambda s: s.cancel_at is None, among=("trialing",))
        if found is None:
            return False
        if random.random() < 0.7:
            self.account.end_trial(found.id)
        else:
            self.account.cancel(found.id, feedback="unused")
        return True

    def come_back(self, random: Random) -> bool:
        """A customer without a running subscription takes a new one."""
        gone = self.clientele.gone()
        if not gone:
            return False
        account, customer = self.account, self.account.customers[random.choice(gone)]
        plan: Plan = random.choices(PLANS, (50, 42, 8))[0]
        if customer.card is None or customer.delinquent:
            account.replace_card(customer.id)
        currency = customer.currency or "usd"
        price = self.offer.plans[plan, "month", currency]
        account.subscribe(customer.id, price.id, quantity=self._first_seats(plan, random))
        return True

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

    # Whom it happens to ----------------------------------------------------------------------------------------------

    def _pick(
        self,
        random: Random,
        fits: Callable[[Subscription], bool],
        among: tuple[str, ...] = ("active", "past_due"),
    ) -> Subscription | None:
        found = [s for s in self.clientele.running() if s.status in among and fits(s)]
        return random.choice(found) if found else None

    def _plan(self, subscription: Subscription) -> Plan | None:
        return self.offer.plan_of(subscription.items[0].price.id)

    @staticmethod
    def _first_seats(plan: Plan, random: Random) -> int:
        if plan == "starter":
            return 1
        fewest, most = SEATS[plan]
        return min(most, fewest + int(random.expovariate(1 / (6 if plan == "growth" else 22))))

    def _coupons_for(self, buyer: Buyer, plan: Plan, random: Random) -> list[str]:
        if random.random() > 0.22:
            return []
        names = ["launch", "launch", "friends", "welcome"]
        if buyer.currency == "usd" and plan != "starter":
            names.append("startup")
        return [self.offer.coupons[random.choice(names)].id]
