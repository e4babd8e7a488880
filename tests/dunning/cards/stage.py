"""An account at Stripe and what a workspace knows of it, for the notice about cards; the test says the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from billing.modes import Mode
from dunning import letters
from dunning.cards.rounds import Visit, visit
from dunning.models import Card, CardReading, Letter
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ConnectionFactory
from tests.factories_dunning import PolicyFactory
from tests.integrations.living import lessons, teach

MORNING = datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
"""Thirty days before the last one of April: who has a card until April is told from then on."""
APRIL = (2026, 4)


class Stage:
    """A workspace with the notice on and letters wanted. The account is read by HTTP; events are learnt without."""

    def __init__(self, stripe: Simulation, workspace: Workspace, mode: Mode, **terms: Any) -> None:
        self.stripe, self.account, self.workspace, self.mode = stripe, stripe.account, workspace, mode
        ConnectionFactory(workspace=workspace, mode=mode, secret_key=stripe.secret_key)
        self.policy = PolicyFactory(workspace=workspace, mode=mode, card_notice=True, **terms)
        with scoped_transaction(workspace):
            letters.answer(workspace.pk, mode, wanted=True, by="ada@example.com", now=MORNING)
        product = self.account.create_product("Team")
        self.price = self.account.create_price(product.id, 4900, interval="month").id
        self.yearly = self.account.create_price(product.id, 49_000, interval="year").id

    def subscriber(self, name: str = "Ada", expires: tuple[int, int] = APRIL, **terms: Any) -> tuple[str, str]:
        """A customer whose card is valid until that month, with a subscription that is paid now; their ids."""
        email = f"{name.lower()}@customer.test"
        customer = self.account.create_customer(name=name, email=email, card_expires=expires)
        terms = {"items": self.price, **terms}
        return customer.id, self.account.subscribe(customer.id, **terms).id

    def until(self, at: datetime) -> None:
        """Time passes at Stripe, and what happened becomes known."""
        self.account.advance(int(at.timestamp()))
        self.learn()

    def learn(self) -> None:
        teach(self.workspace, lessons(self.account), mode=self.mode)

    def round(self, at: datetime = MORNING, **how: Any) -> Visit:
        """A visit at that time, and further ones until nothing is left."""
        with scope(self.workspace):
            whole = done = visit(self.workspace.pk, self.mode, at, **how)
            while done.more and not done.failure:
                done = visit(self.workspace.pk, self.mode, at, **how)
                whole.charges, whole.failure = whole.charges + done.charges, done.failure
                whole.notices += done.notices
        return whole

    def letters(self) -> dict[str, tuple[str, str]]:
        """State and reason of every letter about a card, by its key."""
        with scoped_transaction(self.workspace):
            rows = Letter.objects.filter(mode=self.mode, kind=letters.LetterKind.CARD_EXPIRING)
            return {row.dedupe_key: (row.state, row.reason) for row in rows}

    def letter(self) -> Letter:
        with scoped_transaction(self.workspace):
            return Letter.objects.get(mode=self.mode, kind=letters.LetterKind.CARD_EXPIRING)

    def cards(self) -> list[tuple[str, str, str, int, int]]:
        """What is kept of cards."""
        with scoped_transaction(self.workspace):
            rows = Card.objects.filter(mode=self.mode).order_by("customer", "payment_method")
            return list(rows.values_list("customer", "payment_method", "last4", "exp_year", "exp_month"))

    def reading(self) -> CardReading:
        with scoped_transaction(self.workspace):
            return CardReading.objects.get(mode=self.mode)

    def key(self, customer: str, card: str | None = None, month: str = "2026-04") -> str:
        """The dedupe key of the letter about a customer's card; their present one where none is named."""
        found = self.account.customer(customer).card
        assert found is not None
        return f"card_expiring:{customer}:{card or found.id}:{month}"


@contextmanager
def stage(settings: Any, workspace: Workspace, mode: Mode = Mode.LIVE, **terms: Any) -> Iterator[Stage]:
    with Simulation(seed=3, livemode=mode is Mode.LIVE) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        yield Stage(stripe, workspace, mode, **terms)
