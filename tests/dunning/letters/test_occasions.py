"""Letters about the course of a subscription: who is greeted, by what, and that nobody is greeted twice."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.modes import Mode
from billing.reacting import News
from dunning.letters import occasions
from dunning.models import Letter
from pqintel.reactions import REACTIONS
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.dunning.letters.stage import fates, letters
from tests.factories import (
    THEN,
    CustomerFactory,
    HistoryEntryFactory,
    PriceFactory,
    ProductFactory,
    SubscriptionFactory,
)
from tests.factories_letters import LetterPolicyFactory

pytestmark = pytest.mark.django_db

WAITS = ("waiting", "")


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)
    for name in ("ada", "bob", "eve"):
        CustomerFactory(
            workspace=workspace, mode=Mode.LIVE, stripe_id=f"cus_{name}", name=name.title(), email=f"{name}@x.example"
        )
    product = ProductFactory(workspace=workspace, mode=Mode.LIVE, name="Team")
    PriceFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="price_team", product=product.stripe_id)
    return workspace


def subscribed(shop: Workspace, customer: str = "cus_ada", sub: str = "sub_1", **more: Any) -> Any:
    words: dict[str, Any] = {"status": "active", "items": [{"id": "si_1", "price": "price_team"}]} | more
    return SubscriptionFactory(workspace=shop, mode=Mode.LIVE, stripe_id=sub, customer=customer, **words)


def line(shop: Workspace, kind: str, object_id: str = "sub_1", customer: str | None = "cus_ada", **more: Any) -> Any:
    words = {"is_change": True, "object_kind": "subscription", "mode": Mode.LIVE} | more
    return HistoryEntryFactory(workspace=shop, kind=kind, object_id=object_id, customer=customer, **words)


def checkout(shop: Workspace, customer: str = "cus_ada", sub: str | None = "sub_1", **more: Any) -> Any:
    after = {"mode": more.pop("buys", "subscription"), "subscription": sub}
    return line(
        shop, "checkout.completed", "cs_1", customer, is_change=False, object_kind="checkout", after=after, **more
    )


def react(shop: Workspace, *lines: Any, at: Any = THEN) -> None:
    """Hand each line to those who are wired to its kind, as the dispatch does, in one batch each."""
    with scoped_transaction(shop):
        for one in lines:
            for reaction in REACTIONS[one.kind]:
                if reaction.__module__ == occasions.__name__:
                    reaction(News(shop.pk, Mode.LIVE, (one,), at))


def test_a_first_subscription_is_welcomed_a_few_minutes_later(shop: Workspace) -> None:
    subscribed(shop)
    react(shop, line(shop, "subscription.started"))
    (row,) = letters(shop)
    assert (row.kind, row.dedupe_key, row.state, row.to) == ("welcome", "welcome:cus_ada:", "waiting", "ada@x.example")
    assert row.next_attempt_at == THEN + timedelta(minutes=5)
    assert row.facts == {"date": "March 1, 2026", "plan": "Team", "customer_name": "Ada", "workspace_name": "Acme"}


def test_who_has_not_paid_yet_is_welcomed_when_they_have(shop: Workspace) -> None:
    subscription = subscribed(shop, status="incomplete")
    react(shop, line(shop, "subscription.started"))
    assert letters(shop) == []
    with scoped_transaction(shop):
        type(subscription).objects.update(status="active")
    react(shop, line(shop, "subscription.activated"), line(shop, "subscription.activated"))
    assert fates(shop) == {"welcome:cus_ada:": WAITS}


def test_a_customer_is_welcomed_once_ever(shop: Workspace) -> None:
    subscribed(shop)
    react(shop, line(shop, "subscription.started"))
    subscribed(shop, sub="sub_2", created=THEN + timedelta(days=90))
    react(shop, line(shop, "subscription.started", "sub_2"), at=THEN + timedelta(days=90))
    assert fates(shop) == {"welcome:cus_ada:": WAITS}


def test_who_was_a_customer_before_is_not_new(shop: Workspace) -> None:
    subscribed(shop, sub="sub_old", status="canceled", created=THEN - timedelta(days=400))
    subscribed(shop, "cus_bob", "sub_never", status="incomplete_expired", created=THEN - timedelta(days=400))
    SubscriptionFactory(workspace=shop, mode=Mode.TEST, customer="cus_bob", created=THEN - timedelta(days=400))
    subscribed(shop)
    subscribed(shop, "cus_bob", "sub_2")
    react(shop, line(shop, "subscription.started"), line(shop, "subscription.started", "sub_2", "cus_bob"))
    react(shop, checkout(shop))
    known = ("skipped", "The customer had a subscription before")
    assert fates(shop) == {"welcome:cus_ada:": known, "welcome:cus_bob:": WAITS, "onboarding:cus_ada:": known}


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_who_came_by_a_checkout_gets_one_greeting_whatever_is_learnt_first(
    shop: Workspace, order: tuple[int, ...]
) -> None:
    subscribed(shop)
    lines = [line(shop, "subscription.started"), checkout(shop)]
    react(shop, *(lines[n] for n in order))
    assert fates(shop) == {
        "onboarding:cus_ada:": WAITS,
        "welcome:cus_ada:": ("skipped", "The letter about first steps greets already"),
    }


def test_a_checkout_without_a_subscription_is_followed_up(shop: Workspace) -> None:
    react(shop, checkout(shop, sub=None))
    assert fates(shop) == {"onboarding:cus_ada:": WAITS, "onboarding_followup:cus_ada:": WAITS}
    _, followup = letters(shop)
    assert followup.next_attempt_at == THEN + timedelta(days=3)
    subscribed(shop)
    react(shop, line(shop, "subscription.started"))
    assert fates(shop)["onboarding_followup:cus_ada:"] == ("skipped", "There is a subscription by now")


def test_a_checkout_for_something_else_is_none_of_ours(shop: Workspace) -> None:
    react(shop, checkout(shop, buys="payment"), checkout(shop, buys="setup"))
    assert letters(shop) == []


def test_every_subscription_that_was_in_use_gets_its_farewell(shop: Workspace) -> None:
    subscribed(shop, sub="sub_1", status="canceled")
    subscribed(shop, sub="sub_2", status="canceled", cancellation_reason="payment_failed")
    subscribed(shop, sub="sub_3", status="incomplete_expired")
    ended = [line(shop, "subscription.ended", f"sub_{n}") for n in (1, 2, 3)]
    react(shop, *ended, *ended)
    assert fates(shop) == {"goodbye:sub_1:": WAITS, "goodbye:sub_2:": WAITS}
    assert letters(shop)[0].facts["plan"] == "Team"


def test_what_is_learnt_too_late_is_written_down_and_not_sent(shop: Workspace) -> None:
    subscribed(shop, created=THEN - timedelta(days=5))
    late = {"happened_at": THEN - timedelta(days=4)}
    react(shop, line(shop, "subscription.started", **late), checkout(shop, sub="sub_1", **late))
    too_old = ("skipped", "Too old: it was learnt more than three days after it happened")
    assert fates(shop) == {"welcome:cus_ada:": too_old, "onboarding:cus_ada:": too_old}


def test_a_customer_who_is_not_known_yet_may_be_by_the_time_of_the_letter(shop: Workspace) -> None:
    subscribed(shop, "cus_new")
    react(shop, line(shop, "subscription.started", customer="cus_new"))
    assert fates(shop) == {"welcome:cus_new:": WAITS}


def test_a_batch_costs_what_one_line_does(shop: Workspace) -> None:
    counts = []
    for batch in (1, 40):
        lines = []
        for number in range(batch):
            name = f"{batch}_{number}"
            CustomerFactory(workspace=shop, mode=Mode.LIVE, stripe_id=f"cus_{name}", email=f"{name}@x.example")
            subscribed(shop, f"cus_{name}", f"sub_{name}")
            lines.append(line(shop, "subscription.started", f"sub_{name}", f"cus_{name}"))
        with scoped_transaction(shop), CaptureQueriesContext(connection) as queries:
            occasions.welcome(News(shop.pk, Mode.LIVE, tuple(lines), THEN))
        counts.append(len(queries))
    assert counts[0] == counts[1] == 16
    with scoped_transaction(shop):
        assert Letter.objects.filter(state="waiting").count() == 41
