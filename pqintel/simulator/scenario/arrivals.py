"""How customers come to the company: signing up, converting from a trial, returning."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.state import Interval, Subscription

from .clientele import Clientele
from .offer import PLANS, SEATS, Offer, Plan, publish
from .people import Buyer, new_buyer

SOFT = ("insufficient_funds", "generic_decline", "do_not_honor", "try_again_later", "card_velocity_exceeded")
LASTING = ("expired_card", "lost_card", "stolen_card", "transaction_not_allowed", "authentication_required")


class Arrivals:
    """What sells through an account, and who comes. Each public method is one happening."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.offer: Offer = publish(account)
        self.clientele = Clientele(account)
        self._names: set[str] = set()
        self._signed_up = 0

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
