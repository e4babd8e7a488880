"""Nobody is dunned for a subscription that has not begun; whoever's has is, in whichever order that becomes known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.begun import FIRST, not_begun
from billing.lanes import lane_of
from billing.models import Failure
from billing.modes import Mode
from billing.owed import DebtState, debts
from billing.snapshots import Kind, Learned, Snapshot, SubscriptionState
from dunning.letters import checks
from dunning.letters.checks import refresh
from dunning.models import Case
from dunning.schedule import WATCH_AFTER
from dunning.tasks import open_cases, sweep_put_off
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ConnectionFactory, InvoiceFactory, SubscriptionFactory, WorkspaceFactory

from .story import Story

pytestmark = pytest.mark.django_db(transaction=True)

NEW: dict[str, Any] = {"subscription": "sub_new", "billing_reason": FIRST}
MINUTE = 1 / 1440


@pytest.fixture
def story(workspace: Workspace) -> Story:
    return Story(workspace)


def test_an_incomplete_subscription_opens_no_case_and_writes_no_letter(story: Story) -> None:
    story.channel()
    story.subscription("sub_new", status="incomplete")
    story.fail(0, "in_new", "stolen_card", **NEW)
    story.fail(0.1, "in_new", "authentication_required", **NEW)
    story.open_put_off(0.2)
    story.run_until(0.9)
    story.void(0.95, "in_new")
    story.subscription("sub_new", status="incomplete_expired")
    story.react()
    story.open_put_off(1)
    story.run_until(60)
    assert (story.cases(), story.mails(), story.told()) == ({}, [], [])
    with scoped_transaction(story.workspace):  # what failed stays to be seen
        assert list(Failure.objects.order_by("attempt").values_list("attempt", "decline")) == [
            (1, "hard"),
            (2, "authentication"),
        ]


def test_a_later_invoice_of_a_subscription_that_began_is_dunned_as_ever(story: Story) -> None:
    story.subscription("sub_new", status="incomplete")
    story.fail(0, "in_new", **NEW)
    story.pay(0.01, "in_new")
    story.subscription("sub_new", status="active")
    story.fail(30, "in_second", "stolen_card", subscription="sub_new")
    story.subscription("sub_new", status="past_due")
    story.run_until(31)
    assert story.cases() == {"in_second": "reminding"}
    assert [kind for _, kind in story.kinds()] == ["payment_failed"]


def test_a_case_from_before_ends_and_what_waits_does_not_go_out(story: Story) -> None:
    """As it was opened by an earlier version: the subscription turns out to be incomplete."""
    story.fail(0, "in_new", "stolen_card", subscription="sub_new")
    story.run(0.01)
    assert [mail[-1] for mail in story.mails()] == ["waiting"]
    story.now = story.at(0.02)
    story.subscription("sub_new", status="incomplete")
    with scoped_transaction(story.workspace):
        assert refresh(story.letter("payment_failed")) == checks.MEANWHILE[DebtState.NOT_BEGUN]
    story.run(10)
    assert story.cases() == {"in_new": "resolved"}
    assert story.timeline("in_new")[-1] == "The subscription has not begun: its first payment has not succeeded."
    assert [(mail[1], mail[-1]) for mail in story.mails()] == [("payment_failed", "skipped")]


# Lives: the events that are sent, each learnt at any time ------------------------------------------------------------
def _expired(story: Story) -> list[Learned]:
    return [
        story.turning(0, "sub_new", status="incomplete"),
        *story.failing(0, "in_new", "stolen_card", **NEW),
        story.changing(0.95, "in_new", "void", "invoice.voided", voided_at=int(story.at(0.95).timestamp())),
        story.turning(0.95, "sub_new", status="incomplete_expired"),
    ]


def _paid(story: Story) -> list[Learned]:
    return [
        story.turning(0, "sub_new", status="incomplete"),
        *story.failing(0, "in_new", "authentication_required", **NEW),
        story.changing(MINUTE, "in_new", "paid", "invoice.paid", paid_at=int(story.at(MINUTE).timestamp())),
        story.turning(MINUTE, "sub_new", status="active"),
    ]


def _born_behind(story: Story) -> list[Learned]:
    return [story.turning(0, "sub_new", status="past_due"), *story.failing(0, "in_new", following=3, **NEW)]


def _falls_behind(story: Story) -> list[Learned]:
    return [
        story.turning(0, "sub_new", status="incomplete"),
        *story.failing(0, "in_new", following=3, **NEW),
        story.turning(MINUTE, "sub_new", status="past_due"),
    ]


def _bounces(story: Story) -> list[Learned]:
    """A bank debit: the subscription is active while it is under way, and comes back days later."""
    return [
        story.turning(0, "sub_new", status="incomplete"),
        story.turning(MINUTE, "sub_new", status="active"),
        *story.failing(2, "in_new", following=3, **NEW),
        story.turning(2, "sub_new", status="past_due"),
    ]


def _is_sent_invoices(story: Story) -> list[Learned]:
    terms = {"collection_method": "send_invoice"}
    return [
        story.turning(0, "sub_new", status="active", **terms),
        *story.failing(0, "in_new", following=3, **NEW),
    ]


def learnt_in(order: tuple[int, ...], life: Callable[[Story], list[Learned]], *, looks: bool) -> Story:
    """A life, told in an order, reacted to after each event; `looks`: so is looked for cases that were put off."""
    story = Story(WorkspaceFactory())
    story.channel()
    events = life(story)
    for seconds, place in enumerate(order):
        story.learn(events[place], 2.01 + seconds / 86_400)
        story.react()
        if looks:
            story.open_put_off()
    story.open_put_off()
    return story


@pytest.mark.parametrize("looks", [True, False], ids=["looks", "late"])
@pytest.mark.parametrize(("life", "count"), [(_expired, 5), (_paid, 5)])
def test_no_order_opens_a_case_for_what_never_was_owed(
    life: Callable[[Story], list[Learned]], count: int, *, looks: bool
) -> None:
    for order in itertools.islice(itertools.permutations(range(count)), 0, None, 11):
        story = learnt_in(order, life, looks=looks)
        story.run_until(30)
        assert (order, story.cases(), story.mails(), story.told()) == (order, {}, [], [])


@settings(max_examples=16, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([(_born_behind, 3), (_falls_behind, 4), (_bounces, 5), (_is_sent_invoices, 3)]),
    st.data(),
    st.booleans(),
)
def test_every_order_opens_the_same_case_for_what_is_owed(
    told: tuple[Callable[[Story], list[Learned]], int], data: st.DataObject, looks: bool
) -> None:
    life, count = told
    order = tuple(data.draw(st.permutations(range(count))))
    story = learnt_in(order, life, looks=looks)
    case = story.case("in_new")
    assert story.cases() == {"in_new": "open"}
    failed = 2 if life is _bounces else 0
    assert (case.attempts, case.opened_at, case.next_attempt_at, case.decline, case.amount, case.subscription) == (
        1,
        story.at(failed),
        story.at(3),
        "soft",
        4900,
        "sub_new",
    )
    assert (case.next_step, case.next_step_at) == ("watch", story.at(3) + WATCH_AFTER)


# What was put off ----------------------------------------------------------------------------------------------------
def test_what_a_read_brings_opens_the_case_although_it_is_no_news(story: Story) -> None:
    story.fail(0, "in_new", following=3, **NEW)
    assert story.cases() == {}
    found = story.turning(0.5, "sub_new", status="past_due")
    state = found.snapshots[0].state
    assert isinstance(state, SubscriptionState)
    snapshot = Snapshot(Kind.SUBSCRIPTION, state, read=True)
    story.learn(replace(found, event_id="pqread_1", snapshots=(snapshot,)), 0.5)
    story.react()
    assert story.cases() == {}
    assert (story.open_put_off(), story.cases()) == (1, {"in_new": "open"})
    assert story.open_put_off() == 0


def test_what_was_decided_by_the_news_itself_is_not_asked_again(story: Story) -> None:
    """Dunning was off when it failed: turning it on brings nothing back, as for every other invoice."""
    policy = story.policy(enabled=False)
    story.subscription("sub_new", status="past_due")
    story.fail(0, "in_new", **NEW)
    with scoped_transaction(story.workspace):
        type(policy).objects.update(enabled=True)
    assert (story.open_put_off(1), story.cases()) == (0, {})


def test_what_failed_before_the_connection_is_left_alone(story: Story) -> None:
    story.fail(-500, "in_new", learnt=0, **NEW)
    story.subscription("sub_new", status="past_due")
    story.react()
    assert (story.open_put_off(), story.cases()) == (0, {})


def test_the_sweep_rings_for_lanes_with_cases_that_were_put_off(workspace: Workspace) -> None:
    now = datetime.now(UTC)
    story, other = Story(workspace), Story(WorkspaceFactory())
    days = (now - story.at(0)) / timedelta(days=1)
    for one in (story, other):
        one.fail(days - 0.1, "in_new", following=days + 3, **NEW)
        one.now = now
    other.subscription("sub_new", status="incomplete")
    assert sweep_put_off() == 0
    story.subscription("sub_new", status="past_due")
    assert sweep_put_off() == 1
    assert open_cases(lane_of(other.workspace.pk, Mode.LIVE)) == 0
    assert open_cases(lane_of(workspace.pk, Mode.LIVE)) == 1
    assert sweep_put_off() == 0
    assert (story.cases(), other.cases()) == ({"in_new": "open"}, {})


# The question itself -------------------------------------------------------------------------------------------------
def test_neither_the_other_mode_nor_another_workspace_says_that_it_began(workspace: Workspace) -> None:
    stranger = WorkspaceFactory()
    ConnectionFactory(workspace=workspace, mode=Mode.LIVE)
    for place in ({"workspace": stranger, "mode": Mode.LIVE}, {"workspace": workspace, "mode": Mode.TEST}):
        SubscriptionFactory(**place, stripe_id="sub_1", status="past_due")
    first: dict[str, Any] = {"workspace": workspace, "mode": Mode.LIVE, "status": "open", "subscription": "sub_1"}
    InvoiceFactory(**first, stripe_id="in_first", billing_reason=FIRST)
    InvoiceFactory(**first, stripe_id="in_later", billing_reason="subscription_cycle")
    with scoped_transaction(workspace):
        assert not_begun(workspace.pk, Mode.LIVE, ["in_first", "in_later", "in_none"]) == {"in_first"}
        assert not_begun(workspace.pk, Mode.TEST, ["in_first"]) == set()
    SubscriptionFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="sub_1", status="incomplete")
    with scoped_transaction(workspace):
        assert not_begun(workspace.pk, Mode.LIVE, ["in_first", "in_later"]) == {"in_first", "in_later"}
        found = debts(workspace.pk, Mode.LIVE, ["in_first"])["in_first"]
    assert (found.state, found.owed) == (DebtState.NOT_BEGUN, False)
    with scoped_transaction(workspace):
        assert not Case.objects.exists()
