"""Settings › Billing › Dunning: the switch of the notice, and the cards that expire soon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.modes import Mode
from dunning.cards.page import cards_page
from dunning.cards.standing import key_of
from dunning.models import Card, CardReading, LetterKind, Policy
from dunning.terms import policy_of
from integrations.diagnostics import diagnose
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import CustomerFactory, SubscriptionFactory, WorkspaceFactory
from tests.factories_dunning import CardFactory, CardReadingFactory, CaseFactory, PolicyFactory
from tests.factories_letters import LetterFactory

pytestmark = pytest.mark.django_db
URL = "/w/acme/live/dunning/policy/"
NOW = datetime(2026, 4, 2, 12, 0, tzinfo=UTC)


def card(workspace: Workspace, name: str, mode: Mode = Mode.LIVE, **more: Any) -> Card:
    """A card until the end of April of a customer with a subscription."""
    customer = f"cus_{name}"
    CustomerFactory(workspace=workspace, mode=mode, stripe_id=customer, name=name)
    SubscriptionFactory(workspace=workspace, mode=mode, customer=customer, collection_method="charge_automatically")
    found: Card = CardFactory(workspace=workspace, mode=mode, customer=customer, **more)
    return found


def shown(client: Client) -> str:
    with time_machine.travel(NOW, tick=False):
        answer = client.get(URL)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_is_off_at_first(workspace: Workspace, admin_client: Client) -> None:
    CardFactory(workspace=workspace, mode=Mode.LIVE)
    page = admin_client.get(URL)
    assert page.context["cards"].on is False
    assert page.context["card_form"].initial == {"card_notice": False, "card_notice_days": 30}
    assert "••••" not in page.content.decode()


def test_it_is_turned_on_and_off(
    workspace: Workspace, admin_client: Client, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        answer = admin_client.post(f"{URL}cards/", {"card_notice": "on", "card_notice_days": "14"}, follow=True)
    assert len(callbacks) == 1  # the first round is rung for
    assert "Customers are told that their card expires soon." in answer.content.decode()
    assert "Charges are being read" in answer.content.decode()
    with scoped_transaction(workspace):
        policy = policy_of(workspace.pk, Mode.LIVE)
        assert (policy.card_notice, policy.card_notice_days, policy.grace_days) == (True, 14, 14)
        assert not Policy.objects.filter(mode=Mode.TEST).exists()
    CardReadingFactory(workspace=workspace, mode=Mode.LIVE)
    CardFactory(workspace=workspace, mode=Mode.LIVE)
    assert admin_client.post(f"{URL}cards/", {"card_notice_days": "14"}).status_code == 302
    with scoped_transaction(workspace):
        assert policy_of(workspace.pk, Mode.LIVE).card_notice is False
        assert (Card.objects.count(), CardReading.objects.count()) == (0, 0)


def test_saving_the_policy_leaves_the_notice_as_it_is(workspace: Workspace, admin_client: Client) -> None:
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True, card_notice_days=20)
    terms = {"enabled": "on", "grace_days": "5", "falls_to": "free"}
    assert admin_client.post(URL, terms).status_code == 302
    with scoped_transaction(workspace):
        policy = policy_of(workspace.pk, Mode.LIVE)
        assert (policy.grace_days, policy.card_notice, policy.card_notice_days) == (5, True, 20)


@pytest.mark.parametrize("days", ["", "6", "61", "1.5", "many"])
def test_wrong_days_are_said_and_kept(workspace: Workspace, admin_client: Client, days: str) -> None:
    answer = admin_client.post(f"{URL}cards/", {"card_notice": "on", "card_notice_days": days})
    assert answer.status_code == 422
    assert answer.context["card_form"].errors.keys() == {"card_notice_days"}
    assert answer.context["card_form"]["card_notice"].value()
    with scoped_transaction(workspace):
        assert not Policy.objects.exists()


def test_the_page_tells_what_is_done_about_each_card(workspace: Workspace, admin_client: Client) -> None:
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True, card_notice_days=30)
    CardReadingFactory(workspace=workspace, mode=Mode.LIVE)
    told = card(workspace, "told")
    letter = {"workspace": workspace, "mode": Mode.LIVE, "kind": LetterKind.CARD_EXPIRING}
    LetterFactory(**letter, customer=told.customer, dedupe_key=key_of(told), state="sent", settled_at=NOW)
    replaced = card(workspace, "replaced")
    LetterFactory(
        **letter, customer=replaced.customer, dedupe_key=key_of(replaced), state="skipped", reason="Another card"
    )
    card(workspace, "unpaid")
    CaseFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_unpaid")
    card(workspace, "due")
    card(workspace, "planned", exp_month=5)
    card(workspace, "later", exp_month=7)
    card(workspace, "expired", exp_month=3)
    CardFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_without_subscription")
    card(workspace, "test", Mode.TEST)
    card(WorkspaceFactory(), "foreign", exp_year=2026)
    page = shown(admin_client)
    with scoped_transaction(workspace):
        cards = cards_page(workspace, Mode.LIVE, policy_of(workspace.pk, Mode.LIVE), NOW)
    assert [(line.customer_label, line.status.label, line.detail, line.at) for line in cards.lines] == [
        ("told", "Sent", "", NOW),
        ("replaced", "Skipped", "Another card", cards.lines[1].at),
        ("unpaid", "Not now", "An invoice is unpaid: the letters about that go first", None),
        ("due", "Due", "It is decided when charges are read next.", None),
        ("planned", "Planned", "", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ]
    assert (cards.count, cards.further, cards.cut_short, cards.month) == (5, 0, False, "May 2026")
    assert "<strong>5 cards</strong> that pay for a subscription expire by the end of May 2026" in page
    for name in ("told", "replaced", "unpaid", "due", "planned"):
        assert f"/customers/cus_{name}/" in page
    for name in ("later", "expired", "without_subscription", "test", "foreign"):
        assert f"/customers/cus_{name}/" not in page


def test_states_without_a_list(workspace: Workspace, admin_client: Client) -> None:
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True)
    assert "Charges are being read" in shown(admin_client)
    CardReadingFactory(workspace=workspace, mode=Mode.LIVE)
    assert "No card expires soon" in shown(admin_client)
    with scoped_transaction(workspace):
        CardReading.objects.update(failure="The key lacks a permission: rak_charge_read. Edit the key.")
    assert "The key lacks a permission: rak_charge_read. Edit the key." in shown(admin_client)


def test_diagnostics_tell_it_too_once_it_has_failed_twice(workspace: Workspace) -> None:
    words = "The key lacks a permission: rak_charge_read. Edit the key."
    CardReadingFactory(workspace=workspace, mode=Mode.LIVE, failures=1, failure=words)
    CardReadingFactory(workspace=WorkspaceFactory(), mode=Mode.LIVE, failures=2, failure="another workspace")
    CardReadingFactory(workspace=workspace, mode=Mode.TEST, failures=2, failure="another mode")
    text = "Nobody is told that their card expires: charges cannot be read."

    def told() -> list[tuple[str, str]]:
        with scoped_transaction(workspace):
            asked = {q.name: q.verdict for q in diagnose(workspace, Mode.LIVE, NOW).questions}
        return [(one.text, one.remedy) for one in asked["messages"].findings if "card" in one.text]

    assert told() == []
    with scoped_transaction(workspace):
        CardReading.objects.filter(mode=Mode.LIVE).update(failures=2)
    assert told() == [(text, words)]


def test_who_may_only_look_sees_no_form(workspace: Workspace, member_client: Callable[[Role], Client]) -> None:
    viewer = member_client(Role.VIEWER)
    assert "Customers are not told that their card expires." in shown(viewer)
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True)
    card(workspace, "due")
    page = shown(viewer)
    assert "Customers are written to 30 days before their card’s last one." in page
    assert "/customers/cus_due/" in page
    assert "card_notice_days" not in page


def test_many_cards_cost_as_many_queries_as_one(workspace: Workspace) -> None:
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True)
    counts = []
    for batch in (1, 30):
        for number in range(batch):
            card(workspace, f"c{batch}_{number}")
        with scoped_transaction(workspace):
            policy = policy_of(workspace.pk, Mode.LIVE)
            with CaptureQueriesContext(connection) as queries:
                cards = cards_page(workspace, Mode.LIVE, policy, NOW)
        counts.append(len(queries))
    assert (cards.count, len(cards.lines), cards.further) == (31, 20, 11)
    assert counts[0] == counts[1] <= 10


def test_a_card_that_expires_today_is_shown_until_the_month_is_over(workspace: Workspace) -> None:
    workspace.timezone = "America/New_York"
    workspace.save()
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True)
    card(workspace, "due")
    ends = datetime(2026, 5, 1, 4, tzinfo=UTC)
    with scoped_transaction(workspace):
        policy = policy_of(workspace.pk, Mode.LIVE)
        assert cards_page(workspace, Mode.LIVE, policy, ends - timedelta(seconds=1)).count == 1
        assert cards_page(workspace, Mode.LIVE, policy, ends).count == 0
