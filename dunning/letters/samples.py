"""What a text looks like: filled in with the newest real case, or the card that expires the soonest, else with made-up
facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from billing.declines import for_customer
from billing.links import payment_page
from billing.models import Customer, Failure, Invoice, Subscription
from billing.modes import Mode
from billing.money import Money
from billing.names import plan_names
from dunning.cards.standing import in_words, month_of
from dunning.models import Card, Letter, LetterKind
from pqintel.ui import figures

from .kinds import ALLOWED
from .outbox import name_of
from .texts import Text
from .wording import name_to_greet

MADE_UP: Final = {
    "customer_name": "Ada Lovelace",
    "plan": "Team",
    "amount": "$49.00",
    "invoice_number": "A1B2C3D4-0001",
    "reason": "Your card has expired.",
    "card": "Visa •••• 4242",
}
PAGE: Final = "https://invoice.stripe.com/i/acct_example/test_example"


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter that is not kept, to look at. `source` says in a sentence whose facts it has, or that it is made up."""

    letter: Letter
    source: str


def sample_of(workspace_id: int, mode: Mode, kind: LetterKind, text: Text, now: datetime) -> Sample:
    """A letter of a kind with some text. Eight queries at most. Must run in scope."""
    url = None
    if kind is LetterKind.CARD_EXPIRING:
        facts, customer = _card(workspace_id, mode, now)
    else:
        facts, customer, url = _newest(workspace_id, mode, kind, now)
    if customer is not None:
        facts["customer_name"] = name_to_greet(customer.name)
    facts["workspace_name"] = name_of(workspace_id)
    made_up = MADE_UP | {
        "date": day(now),
        "next_attempt": day(now + timedelta(days=3)),
        "downgrade_date": day(now + timedelta(days=14)),
    }
    if kind is LetterKind.CARD_EXPIRING:
        made_up["date"] = f"{timezone.localtime(now + timedelta(days=30)):%B %Y}"
    letter = Letter(
        workspace_id=workspace_id,
        mode=mode,
        kind=kind,
        customer=customer.stripe_id if customer else "",
        subject=text["subject"],
        body=text["body"],
        facts={name: facts.get(name) or made_up.get(name, "") for name in ALLOWED[kind]},
        payment_url=url or PAGE,
        to=(customer.email if customer else None) or "ada@example.com",
    )
    return Sample(letter, _source(kind, customer, facts))


def _source(kind: LetterKind, customer: Customer | None, facts: Mapping[str, str]) -> str:
    if kind is LetterKind.CARD_EXPIRING:
        if "card" not in facts:
            return "An example with a made-up card and customer: no valid card is known yet."
        if customer is None:
            return "With the facts of the card that expires the soonest; its customer is made up."
        return f"With the facts of {customer}, whose card expires the soonest."
    if customer is None:
        return "With made-up facts: there is no case yet."
    return f"With the facts of {customer}, the newest case there is."


def day(at: datetime) -> str:
    """ "March 1, 2026", in the active time zone."""
    local = timezone.localtime(at)
    return f"{local:%B} {local.day}, {local.year}"


def _card(workspace_id: int, mode: Mode, now: datetime) -> tuple[dict[str, str], Customer | None]:
    """The facts and the customer of the card that expires the soonest; no facts where none is known that is valid."""
    here = {"workspace_id": workspace_id, "mode": mode}
    today = timezone.localtime(now)
    valid = Q(exp_year__gt=today.year) | Q(exp_year=today.year, exp_month__gte=today.month)
    card = Card.objects.filter(valid, **here).order_by("exp_year", "exp_month", "pk").first()
    if card is None:
        return {}, None
    facts = {"card": in_words(card), "date": month_of(card).words}
    subscriptions = Subscription.objects.filter(**here, customer=card.customer)
    subscription = subscriptions.order_by(F("ended_at").desc(nulls_first=True), "-created", "-pk").first()
    customer = Customer.objects.filter(**here, stripe_id=card.customer).first()
    return facts | _plan(workspace_id, mode, subscription), customer


def _plan(workspace_id: int, mode: Mode, subscription: Subscription | None) -> dict[str, str]:
    if subscription is None or not subscription.items:
        return {}
    price = subscription.items[0]["price"]
    return {"plan": plan_names(workspace_id, mode, [price])[price].name}


def _newest(
    workspace_id: int, mode: Mode, kind: LetterKind, now: datetime
) -> tuple[dict[str, str], Customer | None, str | None]:
    """The facts, customer and payment page of the newest thing that a kind could be about."""
    here = {"workspace_id": workspace_id, "mode": mode}
    facts: dict[str, str] = {}
    url: str | None = None
    if "amount" in ALLOWED[kind]:
        failure = Failure.objects.filter(**here).exclude(invoice=None).order_by("-happened_at").first()
        invoice = Invoice.objects.filter(**here, stripe_id=failure.invoice).first() if failure else None
        customer_id, subscription_id = (failure.customer, failure.subscription) if failure else (None, None)
        if failure is not None:
            facts["amount"] = figures.money(Money(failure.amount, failure.currency))
            facts["reason"] = for_customer(failure.code, failure.decline_code, failure.decline)
            facts["date"] = day(failure.happened_at)
        if invoice is not None:
            facts["invoice_number"] = invoice.number or ""
            url = payment_page(invoice.hosted_invoice_url)
        if invoice is not None and invoice.next_payment_attempt and invoice.next_payment_attempt > now:
            facts["next_attempt"] = day(invoice.next_payment_attempt)
        subscription = Subscription.objects.filter(**here, stripe_id=subscription_id).first()
    else:
        subscription = Subscription.objects.filter(**here).order_by("-created", "-id").first()
        customer_id = subscription.customer if subscription else None
    facts |= _plan(workspace_id, mode, subscription)
    customer = Customer.objects.filter(**here, stripe_id=customer_id).first() if customer_id else None
    return facts, customer, url
