"""A customer's life with their invoices, told by events with an explicit clock: what tests of dunning stand on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from billing.access import Answer, for_customer
from billing.actions import learn, reacting
from billing.declines import Decline
from billing.modes import Mode
from billing.snapshots import (
    CustomerState,
    Fact,
    InvoiceState,
    ItemState,
    Kind,
    Learned,
    PaymentState,
    Price,
    Product,
    Snapshot,
    SubscriptionState,
)
from dunning import letters
from dunning.models import Case, CaseEntry, Letter, LetterState, Policy
from dunning.put_off import open_put_off
from dunning.run import Ran, run
from integrations.models import Channel, Delivery
from pqintel.reactions import REACTIONS
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ChannelFactory, ConnectionFactory, MembershipFactory
from tests.factories_dunning import PolicyFactory

BEGINS = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""A Monday. Days of a story count from here, unless it begins at another time."""
LONG_AGO = BEGINS - timedelta(days=400)
DECLINES = {
    "insufficient_funds": Decline.SOFT,
    "stolen_card": Decline.HARD,
    "expired_card": Decline.CARD,
    "authentication_required": Decline.AUTHENTICATION,
}


class Story:
    """A workspace with one customer on Growth. Every word of it takes a day, a float that counts from `begins`."""

    def __init__(
        self,
        workspace: Workspace,
        mode: Mode = Mode.LIVE,
        *,
        letters_wanted: bool | None = True,
        begins: datetime = BEGINS,
    ) -> None:
        self.workspace, self.mode, self.begins = workspace, mode, begins
        self.now = LONG_AGO
        self._events = 0
        self._invoices: dict[str, InvoiceState] = {}
        self._subscriptions: dict[str, SubscriptionState] = {}
        MembershipFactory(workspace=workspace)
        ConnectionFactory(workspace=workspace, mode=mode, connected_at=LONG_AGO)
        if letters_wanted is not None:
            with scoped_transaction(workspace):
                letters.answer(workspace.pk, mode, wanted=letters_wanted, by="ada@example.com", now=LONG_AGO)
        self.learn(
            self._event(
                "product.created",
                catalogue=(
                    Product("prod_growth", "Growth", active=True, tier_key="growth"),
                    Price("price_growth", product="prod_growth", currency="usd", interval="month", interval_count=1),
                ),
            )
        )
        self.customer()
        self.subscription()

    # What happens ---------------------------------------------------------------------------------------------------
    def customer(self, name: str = "cus_1", **changes: Any) -> None:
        known = CustomerState(name, created=_second(LONG_AGO), email=f"{name}@example.com", name="Ada & Sons")
        snapshot = Snapshot(Kind.CUSTOMER, replace(known, **changes), born=not changes)
        self.learn(self._event("customer.deleted" if changes.get("deleted") else "customer.created", snapshot))

    def subscription(self, name: str = "sub_1", customer: str = "cus_1", status: str = "active", **more: Any) -> None:
        self.learn(self.turning(None, name, customer, status, **more))

    def turning(
        self, day: float | None, name: str = "sub_1", customer: str = "cus_1", status: str = "active", **more: Any
    ) -> Learned:
        """The event of a subscription that begins or changes. `day` None: now."""
        before = self._subscriptions.get(name)
        items = (ItemState(f"si_{name}", "price_growth", 1),)
        known = SubscriptionState(name, customer, status, _second(LONG_AGO), currency="usd", items=items)
        self._subscriptions[name] = known = replace(known, **more)
        kind = "deleted" if status == "canceled" else ("updated" if before else "created")
        snapshot = Snapshot(Kind.SUBSCRIPTION, known, before=before, born=before is None)
        return self._event(f"customer.subscription.{kind}", snapshot, day=day)

    def fail(
        self,
        day: float,
        invoice: str = "in_1",
        code: str = "insufficient_funds",
        *,
        following: float | None = None,
        amount: int = 4900,
        customer: str = "cus_1",
        subscription: str | None = "sub_1",
        currency: str = "usd",
        billing_reason: str = "subscription_cycle",
        react: bool = True,
        learnt: float | None = None,
    ) -> None:
        """An attempt fails; Stripe announces the next one for the day `following`. Learnt at once, unless said."""
        for event in self.failing(
            day,
            invoice,
            code,
            following=following,
            amount=amount,
            customer=customer,
            subscription=subscription,
            currency=currency,
            billing_reason=billing_reason,
        ):
            self.learn(event, day if learnt is None else learnt)
        if react:
            self.react()

    def failing(
        self,
        day: float,
        invoice: str = "in_1",
        code: str = "insufficient_funds",
        *,
        following: float | None = None,
        amount: int = 4900,
        customer: str = "cus_1",
        subscription: str | None = "sub_1",
        currency: str = "usd",
        billing_reason: str = "subscription_cycle",
    ) -> list[Learned]:
        """The two events of a failed attempt."""
        known = self._invoices.get(invoice) or InvoiceState(
            invoice,
            customer,
            subscription,
            "open",
            currency,
            _second(self.at(day)),
            number=invoice.upper().replace("_", "-"),
            amount_due=amount,
            amount_remaining=amount,
            billing_reason=billing_reason,
            hosted_invoice_url=f"https://invoice.stripe.com/i/{invoice}",
        )
        announced = None if following is None else _second(self.at(following))
        known = replace(known, attempt_count=known.attempt_count + 1, attempted=True, next_payment_attempt=announced)
        self._invoices[invoice] = known
        told = {"amount": amount, "currency": currency, "subscription": subscription}
        scheduled = {**told, "attempt_count": known.attempt_count, "next_payment_attempt": announced}
        by_invoice = self._event(
            "invoice.payment_failed",
            Snapshot(Kind.INVOICE, known),
            day=day,
            facts=(Fact("invoice.payment_failed", Kind.INVOICE, invoice, customer, scheduled),),
        )
        payment = PaymentState(
            f"pi_{invoice}", customer, "requires_payment_method", amount, currency, known.created, decline_code=code
        )
        reason = {"code": "card_declined", "decline_code": code, "decline": DECLINES[code].value}
        paid_by = {"amount": amount, "currency": currency, "charge": f"ch_{invoice}_{known.attempt_count}"}
        by_payment = self._event(
            "payment_intent.payment_failed",
            Snapshot(Kind.PAYMENT, payment),
            day=day,
            facts=(Fact("payment.failed", Kind.PAYMENT, payment.id, customer, {**paid_by, **reason}),),
            links=((invoice, payment.id),),
        )
        return [by_invoice, by_payment]

    def pay(self, day: float, invoice: str = "in_1", **more: Any) -> None:
        self.change(day, invoice, "paid", "invoice.paid", paid_at=_second(self.at(day)), **more)

    def void(self, day: float, invoice: str = "in_1") -> None:
        self.change(day, invoice, "void", "invoice.voided", voided_at=_second(self.at(day)))

    def change(
        self, day: float, invoice: str, status: str, kind: str, *, react: bool = True, prefix: str = "evt", **more: Any
    ) -> None:
        """An invoice becomes what its status says."""
        self.learn(self.changing(day, invoice, status, kind, prefix=prefix, **more), day)
        if react:
            self.react()

    def changing(
        self, day: float, invoice: str, status: str, kind: str, *, prefix: str = "evt", **more: Any
    ) -> Learned:
        """The event of an invoice that becomes what its status says."""
        known = self._invoices[invoice]
        paid = known.amount_due if status == "paid" else 0
        remaining = known.amount_due - paid
        known = replace(
            known, status=status, amount_paid=paid, amount_remaining=remaining, next_payment_attempt=None, **more
        )
        self._invoices[invoice] = known
        facts = ()
        if status == "paid":
            detail = {"amount": paid, "currency": known.currency, "subscription": known.subscription}
            facts = (Fact("invoice.paid", Kind.INVOICE, invoice, known.customer, detail),)
        read = prefix == "pqread"
        event = self._event(kind, Snapshot(Kind.INVOICE, known, read=read), day=day, facts=() if read else facts)
        return replace(event, event_id=event.event_id.replace("evt", prefix))

    # Machinery ------------------------------------------------------------------------------------------------------
    def at(self, day: float) -> datetime:
        return self.begins + timedelta(seconds=round(day * 86_400))

    def day(self, at: datetime) -> float:
        return round((at - self.begins) / timedelta(days=1), 4)

    def _event(self, kind: str, *snapshots: Snapshot, day: float | None = None, **more: Any) -> Learned:
        self._events += 1
        second = _second(self.now if day is None else self.at(day))
        return Learned(f"evt_{self._events}", kind, second, snapshots, **more)

    def learn(self, event: Learned, day: float | None = None) -> None:
        self.now = self.now if day is None else self.at(day)
        with scope(self.workspace), transaction.atomic():
            learn(self.workspace.pk, self.mode, [event], self.now)

    def react(self, day: float | None = None) -> None:
        """Let what is new be reacted to."""
        self.now = self.now if day is None else self.at(day)
        with scope(self.workspace):
            while reacting.visit(self.workspace.pk, self.mode, REACTIONS, lambda: self.now).more:
                pass

    def open_put_off(self, day: float | None = None) -> int:
        """Open the cases that were put off and may open by now."""
        self.now = self.now if day is None else self.at(day)
        with scope(self.workspace):
            return open_put_off(self.workspace.pk, self.mode, self.now)

    def run(self, day: float, *, dry: bool = False) -> Ran:
        """Take the steps that are due."""
        self.now = self.at(day)
        with scope(self.workspace):
            return run(self.workspace.pk, self.mode, self.now, dry=dry)

    def run_until(self, day: float) -> None:
        """Run as beat would, whenever something is due; then the letters are sent."""
        with scope(self.workspace):
            while (following := self._next_step_at()) is not None and following <= self.at(day):
                self.now = max(self.now, following)
                run(self.workspace.pk, self.mode, self.now)
        self.now = self.at(day)
        self.send()

    def send(self) -> None:
        """The sender's part: what may go out by now is sent."""
        with scoped_transaction(self.workspace):
            waiting = Letter.objects.filter(mode=self.mode, state=LetterState.WAITING, next_attempt_at__lte=self.now)
            waiting.update(state=LetterState.SENT)

    def _next_step_at(self) -> datetime | None:
        with transaction.atomic():
            rows = Case.objects.filter(mode=self.mode, closed_at=None, paused_at=None).exclude(next_step_at=None)
            return rows.order_by("next_step_at").values_list("next_step_at", flat=True).first()

    # What came of it ------------------------------------------------------------------------------------------------
    def policy(self, **fields: Any) -> Policy:
        found: Policy = PolicyFactory(workspace=self.workspace, mode=self.mode, **fields)
        return found

    def channel(self, **fields: Any) -> Channel:
        found: Channel = ChannelFactory(workspace=self.workspace, name="#billing", **fields)
        return found

    def case(self, invoice: str = "in_1") -> Case:
        with scoped_transaction(self.workspace):
            return Case.objects.get(mode=self.mode, invoice=invoice)

    def cases(self) -> dict[str, str]:
        with scoped_transaction(self.workspace):
            return dict(Case.objects.filter(mode=self.mode).order_by("invoice").values_list("invoice", "state"))

    def mails(self) -> list[tuple[float, str, str, list[str], str]]:
        """Every letter about cases: when it may go out, its kind, to whom, about which invoices, and its state."""
        with scoped_transaction(self.workspace):
            rows = Letter.objects.filter(mode=self.mode, dedupe_key__startswith="dunning:")
            rows = rows.order_by("next_attempt_at", "pk")
            return [
                (self.day(row.next_attempt_at), row.kind, row.customer, list(row.invoices), row.state) for row in rows
            ]

    def kinds(self) -> list[tuple[float, str]]:
        """Every letter about cases: when, and its kind."""
        return [(day, kind) for day, kind, *_ in self.mails()]

    def letter(self, kind: str) -> Letter:
        with scoped_transaction(self.workspace):
            return Letter.objects.get(mode=self.mode, kind=kind)

    def told(self) -> list[tuple[float, str]]:
        """Every message to the team: when, and its title."""
        with scoped_transaction(self.workspace):
            rows = Delivery.objects.filter(dedupe_key__startswith="dunning:").order_by("pk")
            return [(self.day(row.created_at), row.message["title"]) for row in rows]

    def timeline(self, invoice: str = "in_1") -> list[str]:
        with scoped_transaction(self.workspace):
            rows = CaseEntry.objects.filter(mode=self.mode, invoice=invoice).order_by("pk")
            return list(rows.values_list("text", flat=True))

    def keys(self, invoice: str = "in_1") -> list[str]:
        """The message that each line of the timeline names, by its dedupe key; "" where there is none."""
        with scoped_transaction(self.workspace):
            rows = CaseEntry.objects.filter(mode=self.mode, invoice=invoice).order_by("pk")
            return list(rows.values_list("key", flat=True))

    def access(self, customer: str = "cus_1") -> Answer:
        with scoped_transaction(self.workspace):
            return for_customer(self.workspace.pk, self.mode, customer)


def _second(at: datetime) -> int:
    return int(at.timestamp())
