"""The letters of a customer's life, from the first payment to the farewell, over a simulated account and real peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dunning.letters.stage import letters
from tests.journeys.world import World, world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(settings: Any) -> Iterator[World]:
    with world(settings) as found:
        yield found


def arrived(acme: World) -> list[tuple[str, str, str]]:
    return [one for one in acme.heard() if one[1] != "team"]


def test_who_subscribes_is_welcomed_once_and_sent_off_once(acme: World) -> None:
    customer, subscription = acme.subscriber()
    acme.settle()
    acme.pass_time(days=2)
    assert arrived(acme) == [("0 09:05", "ada@customer.test", "Welcome to Acme")]
    acme.account.cancel(subscription)
    acme.settle()
    acme.pass_time(days=2)
    assert arrived(acme) == [("2 09:00", "ada@customer.test", "Your subscription to Acme has ended")]
    acme.account.subscribe(customer, [acme.price.id])
    acme.pass_time(days=5)
    assert arrived(acme) == []
    assert [(row.kind, row.state) for row in letters(acme.workspace)] == [("welcome", "sent"), ("goodbye", "sent")]


def test_who_comes_by_a_checkout_gets_the_first_steps_alone(acme: World) -> None:
    acme.account.checkout([acme.price.id], name="Bob", email="bob@customer.test")
    acme.settle()
    acme.pass_time(days=5)
    (mail,) = acme.mails()
    assert (mail.at, mail.to, mail.subject) == ("0 09:01", "bob@customer.test", "Your first steps with Acme")
    assert "Hello Bob," in mail.text
    assert "Your plan is Team." in mail.text
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [(row.kind, row.state, row.reason) for row in letters(acme.workspace)] == [
        ("onboarding", "sent", ""),
        ("welcome", "skipped", "The letter about first steps greets already"),
    ]


def test_whoever_never_pays_the_first_invoice_hears_nothing_of_a_subscription(acme: World) -> None:
    customer = acme.account.create_customer(name="Eve", email="eve@customer.test")
    acme.account.subscribe(customer.id, [acme.price.id], decline="insufficient_funds")
    acme.pass_time(days=3)
    assert [row.kind for row in letters(acme.workspace) if row.kind in ("welcome", "goodbye", "onboarding")] == []
