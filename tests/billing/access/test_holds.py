"""Access that dunning holds back: from when to when, whose, what history says, and that no order of events matters."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from billing.access import Hold, Reason, Rules, decide
from billing.actions.access.holding import Unpaid, held_for, hold_back, lane_within, lift
from billing.models import Recalculation
from billing.modes import Mode
from billing.snapshots import InvoiceState, Kind, Learned, Snapshot
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import AccessHoldFactory, AccessPolicyFactory, WorkspaceFactory

from .cases import NOW, T, access, apply, catalogue, dump, lesson, state, step, told

pytestmark = pytest.mark.django_db
UNPAID = Unpaid("cus_1", "sub_1", "in_1", falls_to_free=True)


def invoice(
    status: str, second: int, name: str = "in_1", subscription: str = "sub_1", created: int = T, **more: Any
) -> Learned:
    paid = 4900 if status == "paid" else 0
    known = InvoiceState(
        name,
        "cus_1",
        subscription,
        status,
        "usd",
        created,
        amount_due=4900,
        amount_paid=paid,
        amount_remaining=4900 - paid,
        attempt_count=1,
        attempted=True,
        paid_at=T + second if status == "paid" else None,
        **more,
    )
    snapshot = Snapshot(Kind.INVOICE, known)
    return Learned(f"evt_{name}_{status}_{second}", f"invoice.{status}", T + second, (snapshot,), ())


def held(workspace: Workspace, *unpaid: Unpaid, now: datetime = NOW) -> None:
    with scope(workspace), lane_within(workspace.pk, Mode.TEST) as had, transaction.atomic():
        assert had
        hold_back(workspace.pk, Mode.TEST, unpaid or (UNPAID,), "Dunning of in_1", now)


def hold_of_in_1(workspace: Workspace) -> None:
    """It is there before anything is known of the subscription."""
    starts_at = datetime.fromtimestamp(T + 100, UTC)
    AccessHoldFactory(workspace=workspace, customer="cus_1", subscription="sub_1", invoice="in_1", starts_at=starts_at)


def shown(workspace: Workspace) -> tuple[str | None, str, str | None]:
    answer = access(workspace)
    return answer.tier, str(answer.reason), answer.cause


# Pure ----------------------------------------------------------------------------------------------------------------
def decided(*holds: Hold, now: int = 1000, rules: Rules | None = None, **lives: list[Any]) -> Any:
    rules = rules or Rules(
        mappings={}, prices={f"price_{t}": _terms(t) for t in ("starter", "growth")}, free_tier="free"
    )
    return decide(lives or {"sub_1": [step(0)]}, (), rules, T + now, holds)


def _terms(tier: str) -> Any:
    from billing.access import PriceTerms

    return PriceTerms(None, tier)


def hold(starts: int = 100, ends: int | None = None, subscription: str = "sub_1", *, free: bool = True) -> Hold:
    return Hold(subscription, "in_1", free, T + starts, None if ends is None else T + ends)


@pytest.mark.parametrize(
    ("at", "tier", "reason", "since", "cause"),
    [
        (99, "free", Reason.DUNNING, 100, "dunning:in_1"),
        (100, "free", Reason.DUNNING, 100, "dunning:in_1"),
        (499, "free", Reason.DUNNING, 100, "dunning:in_1"),
    ],
)
def test_a_hold_counts_from_its_second_on_also_by_a_clock_that_is_behind(
    at: int, tier: str, reason: Reason, since: int, cause: str
) -> None:
    found = decided(hold(), now=at)
    assert (found.given.tier, found.reason, found.since - T, found.cause) == (tier, reason, since, cause)


def test_what_was_paid_is_given_again_from_then_on() -> None:
    found = decided(hold(100, 500), now=600)
    assert (found.given.tier, found.reason, found.since - T, found.cause) == (
        "growth",
        Reason.ACTIVE,
        500,
        "dunning:in_1",
    )


def test_without_a_free_tier_nothing_is_left() -> None:
    found = decided(hold(free=False))
    assert (found.given.tier, found.given.features, found.given.seats, found.reason) == (None, {}, 0, Reason.DUNNING)


def test_another_subscription_still_gives() -> None:
    lives = {"sub_1": [step(0)], "sub_2": [step(10, price="starter")]}
    found = decided(hold(free=False), **lives)
    assert (found.given.tier, found.reason, found.subscription) == ("starter", Reason.ACTIVE, "sub_2")


def test_a_hold_on_what_is_over_changes_nothing() -> None:
    found = decided(hold(200), sub_1=[step(0), step(150, "canceled")])
    assert (found.given.tier, found.reason, found.since - T) == ("free", Reason.ENDED, 150)


def test_a_hold_on_a_subscription_of_somebody_else_is_none_of_this_customer() -> None:
    assert decided(hold(subscription="sub_9")).reason is Reason.ACTIVE


def test_what_is_held_again_in_the_second_in_which_it_was_lifted_is_held() -> None:
    for holds in ((hold(100, 100), hold(100)), (hold(100), hold(100, 100))):
        found = decided(*holds)
        assert (found.given.tier, found.reason, found.since - T) == ("free", Reason.DUNNING, 100)


# Written -------------------------------------------------------------------------------------------------------------
def test_held_back_then_paid(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    held(workspace)
    assert shown(workspace) == ("free", "dunning", "dunning:in_1")
    later = NOW + timedelta(days=1)
    apply(workspace, invoice("paid", int(later.timestamp()) - T), now=later)
    assert shown(workspace)[:2] == ("growth", "active")
    event = f"evt_in_1_paid_{int(later.timestamp()) - T}"
    assert told(workspace) == [
        ("access.granted", "growth", "evt_1"),
        ("access.downgraded", "free", "dunning:in_1"),
        ("access.upgraded", "growth", event),
    ]


def test_a_voided_invoice_sets_free_another_paid_one_does_not(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    held(workspace)
    second = int(NOW.timestamp()) - T
    apply(workspace, invoice("paid", second + 60, "in_2"), now=NOW + timedelta(minutes=1))
    assert shown(workspace)[1] == "dunning"
    apply(workspace, invoice("void", second + 90), now=NOW + timedelta(minutes=2))
    assert shown(workspace)[1] == "active"


def test_no_tier_where_the_policy_has_none(workspace: Workspace) -> None:
    AccessPolicyFactory(workspace=workspace, free_tier=None)
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    held(workspace)
    assert shown(workspace) == (None, "dunning", "dunning:in_1")


def test_twice_holds_once_and_lifting_gives_back(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    held(workspace)
    held(workspace, now=NOW + timedelta(hours=1))
    with scope(workspace), lane_within(workspace.pk, Mode.TEST), transaction.atomic():
        assert lift(workspace.pk, Mode.TEST, ["in_1"], "ada", NOW + timedelta(hours=2), lane_held=True)
        assert not lift(workspace.pk, Mode.TEST, ["in_1"], "ada", NOW + timedelta(hours=3), lane_held=True)
    assert shown(workspace)[:2] == ("growth", "active")
    assert [line[0] for line in told(workspace)] == ["access.granted", "access.downgraded", "access.upgraded"]


def test_lifted_without_the_lane_a_recalculation_follows(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    held(workspace)
    with scoped_transaction(workspace):
        assert lift(workspace.pk, Mode.TEST, ["in_1"], "ada", NOW, lane_held=False)
        assert list(Recalculation.objects.values_list("mode", flat=True)) == ["test"]


def test_holds_of_the_other_mode_and_workspace_concern_nobody_here(workspace: Workspace) -> None:
    AccessHoldFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_1", subscription="sub_1", invoice="in_1")
    AccessHoldFactory(workspace=WorkspaceFactory(), customer="cus_1", subscription="sub_1", invoice="in_1")
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50))
    assert shown(workspace)[1] == "active"


def written_off(second: int, name: str = "in_1", **more: Any) -> Learned:
    return invoice("uncollectible", second, name, marked_uncollectible_at=T + second, **more)


def test_an_invoice_that_was_written_off_holds_until_a_later_one_is_paid(workspace: Workspace) -> None:
    """An earlier one, one about nothing and one of another subscription set nothing free."""
    second = int(NOW.timestamp()) - T
    apply(workspace, catalogue(), lesson("1", 0, state()), invoice("open", 50, created=T + 40))
    held(workspace)
    apply(workspace, written_off(second + 60, created=T + 40), now=NOW + timedelta(minutes=1))
    assert shown(workspace) == ("free", "dunning", "dunning:in_1")
    later = NOW + timedelta(hours=1)
    apply(
        workspace,
        invoice("paid", second + 3000, "in_0", created=T + 39),
        invoice("paid", second + 3001, "in_free", created=T + 50, total=0),
        invoice("paid", second + 3002, "in_other", subscription="sub_2", created=T + 51),
        now=later,
    )
    assert shown(workspace)[1] == "dunning"
    with scoped_transaction(workspace):
        assert held_for(workspace.pk, Mode.TEST, ["in_1", "in_2"]) == {"in_1"}
    apply(workspace, invoice("paid", second + 3600, "in_2", created=T + 52), now=later)
    assert shown(workspace)[:2] == ("growth", "active")
    assert access(workspace).since == NOW + timedelta(hours=1)
    assert told(workspace)[-1] == ("access.upgraded", "growth", f"evt_in_2_paid_{second + 3600}")
    with scoped_transaction(workspace):
        assert held_for(workspace.pk, Mode.TEST, ["in_1", "in_2"]) == set()
    apply(workspace, invoice("paid", second + 9000, created=T + 40, marked_uncollectible_at=T + second + 60), now=later)
    assert (shown(workspace)[1], access(workspace).since) == ("active", NOW + timedelta(hours=1))


def test_any_order_of_writing_off_and_paying_leads_to_the_same_access() -> None:
    lessons = [
        catalogue(),
        lesson("1", 0, state()),
        invoice("open", 50, created=T + 40),
        invoice("paid", 300, "in_2", created=T + 90),
        written_off(400, created=T + 40),
    ]
    found = []
    for order in itertools.permutations(lessons):
        place = WorkspaceFactory()
        hold_of_in_1(place)
        for one in order:
            apply(place, one)
        found.append(dump(place)["access"])
    assert all(rows == found[0] for rows in found)
    assert [(row["tier"], row["reason"]) for row in found[0]] == [("growth", "active")]


def test_any_order_of_events_leads_to_the_same_access() -> None:
    """The hold is there; what it does is a function of the set of events."""
    lessons = [
        catalogue(),
        lesson("1", 0, state()),
        invoice("open", 50),
        invoice("paid", 200),
        lesson("2", 300, state(price="scale"), state()),
    ]
    found = []
    for order in itertools.permutations(lessons):
        place = WorkspaceFactory()
        hold_of_in_1(place)
        for one in order:
            apply(place, one)
        found.append(dump(place)["access"])
    assert all(rows == found[0] for rows in found)
    assert [row["tier"] for row in found[0]] == ["scale"]
