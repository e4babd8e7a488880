"""Whether a card that expires concerns anybody, by what is known here: the one rule for deciding, sending and pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import unique
from billing.models import Access, Subscription
from billing.modes import Mode
from dunning.models import Card, Case, Letter, LetterKind
from dunning.terms import excluded
from pqintel.workspaces.models import Workspace

from .due import Month

NO_SUBSCRIPTION: Final = "The card pays for no subscription that goes on"
UNPAID: Final = "An invoice is unpaid: the letters about that go first"
RENEWED: Final = "The card was renewed"
OTHER_CARD: Final = "Another card pays by now"
_BRANDS: Final = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "link": "Link",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_BEFORE_PERIOD: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A card's customer: `subscriptions` that the card may be charged for once it has expired, and why nobody is
    written to all the same ("" = nothing is against it)."""

    subscriptions: tuple[Subscription, ...]
    reason: str

    @property
    def concerns(self) -> bool:
        return bool(self.subscriptions)


def month_of(card: Card) -> Month:
    """The month until whose end a card is valid."""
    return Month(card.exp_year, card.exp_month)


def in_words(card: Card) -> str:
    """ "Visa •••• 4242"."""
    return f"{_BRANDS.get(card.brand, 'Card')} •••• {card.last4}"


def key_of(card: Card) -> str:
    """The dedupe key of the letter about a card: once for a customer, payment method and expiry."""
    return f"{LetterKind.CARD_EXPIRING}:{card.customer}:{card.payment_method}:{month_of(card)}"


def standings(workspace_id: int, mode: Mode, cards: Sequence[Card], zone: ZoneInfo) -> dict[int, Standing]:
    """How each of the cards stands, by its number. Five queries, however many. Must run in scope."""
    if not cards:
        return {}
    customers = unique(card.customer for card in cards)
    place = {"workspace_id": workspace_id, "mode": mode, "customer__in": customers}
    running = _running(place)
    newest: dict[str, tuple[object, ...]] = {}
    for customer, *charge in Card.objects.filter(**place).values_list("customer", "charged_at", "charge", "pk"):
        newest[customer] = max(newest.get(customer, ()), tuple(charge))
    unpaid = set(Case.objects.filter(**place, closed_at=None).values_list("customer", flat=True))
    tiers = dict(Access.objects.filter(**place).values_list("customer", "tier"))
    left_alone = excluded(workspace_id, mode, customers)
    found = {}
    for card in cards:
        is_newest = newest.get(card.customer, ())[-1:] == (card.pk,)
        pays_for = tuple(s for s in running.get(card.customer, ()) if _may_pay(card, s, zone, is_newest=is_newest))
        why = UNPAID if card.customer in unpaid else left_alone.why(card.customer, tiers.get(card.customer))
        found[card.pk] = Standing(pays_for, why if pays_for else NO_SUBSCRIPTION)
    return found


def why_no_letter(letter: Letter) -> str:
    """Why a letter about a card is not to go out any more, "" where it is. Seven queries at most, in scope."""
    workspace_id, mode = letter.workspace_id, Mode(letter.mode)
    cards = list(Card.objects.filter(workspace_id=workspace_id, mode=mode, customer=letter.customer))
    about = next((card for card in cards if key_of(card) == letter.dedupe_key), None)
    if about is None:
        return RENEWED
    if any(other.charged_at > max(about.charged_at, letter.created_at) for other in cards):
        return OTHER_CARD
    zone = ZoneInfo(Workspace.objects.values_list("timezone", flat=True).get(pk=workspace_id))
    return standings(workspace_id, mode, [about], zone)[about.pk].reason


def _running(place: Mapping[str, object]) -> dict[str, list[Subscription]]:
    """Subscriptions that go on and are collected automatically, by customer. One query."""
    rows = Subscription.objects.filter(
        **place,
        status__in=("active", "trialing"),
        collection_method="charge_automatically",
        pause_behavior=None,
        cancel_at_period_end=False,
    ).only("stripe_id", "customer", "items", "cancel_at", "current_period_start")
    found = defaultdict(list)
    for row in rows.order_by("created", "pk"):
        found[row.customer].append(row)
    return found


def _may_pay(card: Card, subscription: Subscription, zone: ZoneInfo, *, is_newest: bool) -> bool:
    """Whether a card may be what a subscription is paid with after it expired: it was the last one that the customer
    paid with, or it was charged in the subscription's present period."""
    if subscription.cancel_at is not None and subscription.cancel_at <= month_of(card).ends(zone):
        return False
    began = subscription.current_period_start
    return is_newest or (began is not None and card.charged_at >= began - _BEFORE_PERIOD)
