"""Customers whose card expires are told once, in time, where the workspace wants that; and nobody else is."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, Final

import pytest

from billing.modes import Mode
from dunning.models import Card, CardReading, Letter, LetterKind, Policy
from pqintel.workspaces.tenancy import scoped_transaction

from .world import World, world

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "ada@customer.test"
SUBJECT = "Your card expires soon"
JUNE = (2026, 6)
BEGIN: Final = datetime(2026, 5, 18, 9, 0, tzinfo=UTC)
"""A Monday. Weeks are paid on days 7, 14 and 21; who has a card until June is told on day 13, thirty days before."""


def turn_on(w: World, **terms: Any) -> None:
    with scoped_transaction(w.workspace):
        Policy.objects.create(workspace=w.workspace, mode=Mode.LIVE, card_notice=True, **terms)


def fates(w: World) -> dict[str, tuple[str, str]]:
    """What became of the letters about cards, by customer."""
    with scoped_transaction(w.workspace):
        rows = Letter.objects.filter(kind=LetterKind.CARD_EXPIRING)
        return {row.customer: (row.state, row.reason) for row in rows}


def test_a_card_that_expires_is_told_of_once_and_in_time(settings: Any) -> None:
    with world(settings, begin=BEGIN) as w:
        turn_on(w)
        ada, _ = w.subscriber(card_expires=JUNE)
        w.pass_time(days=2)
        w.heard()
        w.pass_time(days=11)
        assert w.heard() == []
        w.pass_time(hours=3)
        (mail,) = w.mails()
        card = w.account.customer(ada).card
        assert card is not None
        assert f"•••• {card.last4}, with which you pay Acme, expires at the end of June 2026." in mail.text
        assert "Hello Ada Lovelace," in mail.text
        assert "unsubscribe" in mail.html.lower()
        assert w.heard() == [("13 10:00", ADA, SUBJECT)]
        w.pass_time(days=10)
        assert w.heard() == []
        assert fates(w) == {ada: ("sent", "")}


def test_who_has_another_card_or_no_subscription_is_not_told(settings: Any) -> None:
    with world(settings, begin=BEGIN) as w:
        turn_on(w)
        ada, _ = w.subscriber(card_expires=JUNE)
        ben, _ = w.subscriber("Ben Ito", card_expires=JUNE)
        _, cleos = w.subscriber("Cleo Kim", card_expires=JUNE)
        w.pass_time(days=5)
        w.account.replace_card(ada, expires=(2031, 2))  # paid with on day 7, before the notice is due
        w.pass_time(days=7)
        w.account.replace_card(ben, expires=(2031, 2))  # not paid with yet
        w.account.cancel(cleos)
        w.settle()
        w.heard()
        w.pass_time(days=7)
        assert w.heard() == []
        assert fates(w) == {ben: ("skipped", "Another card pays by now")}


def test_nobody_has_asked_for_it_so_nothing_is_read_and_nobody_told(settings: Any) -> None:
    with world(settings, begin=BEGIN) as w:
        w.subscriber(card_expires=JUNE)
        w.pass_time(days=2)
        w.heard()
        w.pass_time(days=14)
        assert w.heard() == []
        with scoped_transaction(w.workspace):
            assert (Card.objects.count(), CardReading.objects.count(), fates(w)) == (0, 0, {})


def test_in_quiet_hours_the_letter_waits_and_is_looked_at_once_more(settings: Any) -> None:
    with world(settings, begin=BEGIN) as w:
        turn_on(w, quiet_from=time(8), quiet_until=time(20))
        ada, _ = w.subscriber(card_expires=JUNE)
        ben, bens = w.subscriber("Ben Ito", card_expires=JUNE)
        w.pass_time(days=12)
        w.heard()
        w.pass_time(days=1, hours=4)
        assert fates(w) == {ada: ("waiting", ""), ben: ("waiting", "")}
        w.account.cancel(bens)
        w.settle()
        w.pass_time(days=1)
        assert [told for told in w.heard() if told[2] == SUBJECT] == [("13 20:00", ADA, SUBJECT)]
        assert fates(w)[ben] == ("skipped", "The card pays for no subscription that goes on")
