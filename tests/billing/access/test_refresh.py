"""What a batch makes of access: rows and history, the same rows whatever the order, and what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import tasks
from billing.access import for_customer
from billing.actions import access as writing
from billing.actions.access import load
from billing.lanes import lane_of
from billing.models import Access, AccessOverride, HistoryEntry, PriceMapping, PriceUse, Recalculation, Tier
from billing.modes import Mode
from billing.snapshots import ItemState, Kind, Learned, Price, Product, Snapshot, SubscriptionState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import (
    AccessFactory,
    AccessOverrideFactory,
    AccessPolicyFactory,
    CustomerFactory,
    PriceMappingFactory,
    PriceUseFactory,
    TierFactory,
    WorkspaceFactory,
)

from .cases import CATALOGUE, NOW, SCALE, T, access, apply, catalogue, dump, lesson, state, told

pytestmark = pytest.mark.django_db


def test_a_life_opens_and_closes_access_and_history_says_so(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state("trialing")))
    answer = access(workspace)
    assert (answer.tier, answer.tier_name, answer.seats, str(answer.reason)) == ("growth", "Growth", 20, "trialing")
    assert (answer.allows("api_access"), answer.allows("single_sign_on"), answer.allows("nonsense")) == (
        True,
        False,
        False,
    )
    assert (answer.limit("projects"), answer.limit("api_access"), answer.limit("nonsense")) == (50, None, 0)
    assert (answer.since.timestamp() if answer.since else 0, answer.cause, answer.subscription) == (T, "evt_1", "sub_1")
    apply(workspace, lesson("2", 100, state(price="scale"), state("trialing")))
    assert (access(workspace).tier, access(workspace).seats) == ("scale", None)
    apply(workspace, lesson("3", 200, state(price="starter"), state(price="scale")))
    apply(workspace, lesson("4", 300, state("canceled", price="starter")))
    answer = access(workspace)
    assert (answer.tier, str(answer.reason), answer.cause) == ("free", "ended", "evt_4")
    assert told(workspace) == [
        ("access.granted", "growth", "evt_1"),
        ("access.upgraded", "scale", "evt_2"),
        ("access.downgraded", "starter", "evt_3"),
        ("access.downgraded", "free", "evt_4"),
    ]
    with scoped_transaction(workspace):
        upgrade = HistoryEntry.objects.get(kind="access.upgraded")
    assert upgrade.before == {
        "tier": "growth",
        "seats": 20,
        "reason": "trialing",
        "features": {"projects": 50, "single_sign_on": False},
    }
    assert upgrade.after == {
        "tier": "scale",
        "seats": None,
        "reason": "active",
        "features": {"projects": None, "single_sign_on": True},
    }
    assert (upgrade.customer, int(upgrade.happened_at.timestamp()), upgrade.learnt_at) == ("cus_1", T + 100, NOW)


def test_without_a_free_tier_access_is_lost(workspace: Workspace) -> None:
    AccessPolicyFactory(workspace=workspace, free_tier=None)
    apply(workspace, catalogue(), lesson("1", 0, state()))
    apply(workspace, lesson("2", 50, state("unpaid"), state()))
    answer = access(workspace)
    assert (answer.tier, answer.tier_name, answer.features, answer.seats) == (None, None, {}, 0)
    apply(workspace, lesson("3", 90, state(), state("unpaid")))
    assert [kind for kind, _, _ in told(workspace)] == ["access.granted", "access.lost", "access.granted"]


def test_seats_alone_are_a_change(workspace: Workspace) -> None:
    TierFactory(workspace=workspace, key="growth", name="Team", rank=5, seats_by_quantity=True)
    apply(workspace, catalogue(), lesson("1", 0, state(quantity=3)))
    apply(workspace, lesson("2", 50, state(quantity=8), state(quantity=3)))
    assert (access(workspace).seats, access(workspace).tier_name) == (8, "Team")
    assert told(workspace) == [("access.granted", "growth", "evt_1"), ("access.changed", "growth", "evt_2")]


def test_customers_who_never_paid_make_no_line(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state("incomplete")), lesson("2", 9, state("canceled")))
    assert (access(workspace).tier, told(workspace)) == ("free", [])


def test_an_unmapped_price_is_told_once(workspace: Workspace) -> None:
    strange = [lesson(f"{n}", n, state(price="strange", name=f"sub_{n}", customer=f"cus_{n}")) for n in range(3)]
    apply(workspace, catalogue(), *strange[:2])
    apply(workspace, strange[2])
    with scoped_transaction(workspace):
        lines = HistoryEntry.objects.filter(kind="price.unmapped")
        assert [(line.object_id, line.customer, line.event_id) for line in lines] == [
            ("price_strange", "cus_0", "evt_0")
        ]
    assert [(access(workspace, f"cus_{n}").unmapped, access(workspace, f"cus_{n}").tier) for n in range(3)] == [
        (("price_strange",), "free")
    ] * 3


def test_metadata_that_comes_late_reaches_those_who_pay_already(workspace: Workspace) -> None:
    product, price = Product("prod_x", "X", tier_key="scale"), Price("price_x", product="prod_x")
    apply(workspace, lesson("1", 0, state(price="x")))
    assert str(access(workspace).reason) == "unmapped"
    apply(workspace, catalogue(price, name="price", second=20))
    assert str(access(workspace).reason) == "unmapped"
    apply(workspace, catalogue(product, name="product", second=30))
    assert access(workspace).tier == "scale"
    apply(workspace, catalogue(replace(product, tier_key="starter"), name="renamed", second=40))
    assert access(workspace).tier == "starter"
    assert told(workspace) == [
        ("access.upgraded", "scale", "evt_product"),
        ("access.downgraded", "starter", "evt_renamed"),
    ]


def test_a_product_of_very_many_is_left_to_a_recalculation(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, price = Product("prod_x", "X", tier_key="starter"), Price("price_x", product="prod_x")
    buyers = [lesson(f"{n}", n, state(price="x", name=f"sub_{n}", customer=f"cus_{n}")) for n in range(4)]
    apply(workspace, catalogue(product, price), *buyers)
    monkeypatch.setattr(load, "MOST", 2)
    apply(workspace, catalogue(replace(product, tier_key="scale"), name="renamed", second=40))
    with scoped_transaction(workspace):
        assert Access.objects.filter(tier="scale").count() == 3
        assert Recalculation.objects.get().reason == "The tier of a product changed at Stripe"
    tasks.recalculate(lane_of(workspace.pk, Mode.TEST))
    with scoped_transaction(workspace):
        assert Access.objects.filter(tier="scale").count() == 4


def test_any_order_any_copies_any_batches_give_the_same_rows(workspace: Workspace) -> None:
    story = [
        catalogue(),
        lesson("1", 0, state("trialing")),
        lesson("2", 100, state("active"), state("trialing")),
        lesson("3", 100, state(price="scale"), state("active")),
        lesson("4", 50, state(price="starter", name="sub_2")),
        lesson("5", 300, state("canceled", price="scale")),
    ]
    for one in story:
        apply(workspace, one)
    expected = dump(workspace)
    assert expected["access"][0]["tier"] == "starter"
    for order in Random(5).sample(list(itertools.permutations(story)), 12):
        other = WorkspaceFactory()
        apply(other, *order[:2], order[0])
        for one in order[2:]:
            apply(other, one)
        assert dump(other) == expected


def life(draws: list[tuple[int, str, str, int]], name: str, customer: str) -> list[Learned]:
    """Events of a subscription; several may share a second, where `before` orders them."""
    lessons, before = [], None
    for number, (second, status, price, quantity) in enumerate(sorted(draws, key=lambda draw: draw[0])):
        now = state(status, price, quantity, name=name, customer=customer)
        lessons.append(lesson(f"{name}_{number}", second, now, before))
        if status == "canceled":
            break
        before = now
    return lessons


draws = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["active", "trialing", "past_due", "unpaid", "paused", "canceled"]),
        st.sampled_from(["starter", "growth", "scale", "strange"]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draws, draws, draws, st.randoms(use_true_random=False))
def test_rows_are_a_function_of_the_set_of_events(
    workspace: Workspace, first: object, second: object, third: object, random: Random
) -> None:
    story = [
        *life(first, "sub_1", "cus_1"),  # type: ignore[arg-type]
        *life(second, "sub_2", "cus_1"),  # type: ignore[arg-type]
        *life(third, "sub_3", "cus_2"),  # type: ignore[arg-type]
        *(catalogue(entry, name=f"entry_{n}", second=n) for n, entry in enumerate(CATALOGUE)),
    ]
    ordered, disordered = WorkspaceFactory(), WorkspaceFactory()
    TierFactory(workspace=ordered, key="growth", rank=5, seats_by_quantity=True)
    TierFactory(workspace=disordered, key="growth", rank=5, seats_by_quantity=True)
    apply(ordered, *sorted(story, key=lambda one: one.happened_at))
    shuffled = [*story, *story[::2]]
    random.shuffle(shuffled)
    while shuffled:
        size = random.randint(1, 4)
        apply(disordered, *shuffled[:size])
        shuffled = shuffled[size:]
    kept = ("access", "priceuse")
    assert {k: dump(disordered)[k] for k in kept} == {k: dump(ordered)[k] for k in kept}


def test_a_batch_costs_three_statements_at_most_and_a_renewal_none(
    workspace: Workspace, django_assert_num_queries: Callable[..., object]
) -> None:
    apply(workspace, catalogue(), *(lesson(f"{n}", n, state(name=f"sub_{n}", customer=f"cus_{n}")) for n in range(30)))
    with scope(workspace), transaction.atomic():
        some = writing.Batch(
            customers={f"cus_{n}": "evt_1" for n in range(30)}, uses={("price_growth", f"cus_{n}") for n in range(30)}
        )
        with django_assert_num_queries(1):  # nothing moved: a look
            writing.refresh(workspace.pk, "test", replace(some, uses=set()), NOW)
        Access.objects.all().delete()
        HistoryEntry.objects.filter(object_kind="access").delete()
        with django_assert_num_queries(3):
            writing.refresh(workspace.pk, "test", some, NOW)
        assert Access.objects.count() == 30
    renewed = lesson("r", 99, state(name="sub_1", customer="cus_1", latest_invoice="in_2"), state(name="sub_1"))
    with scope(workspace), transaction.atomic(), django_assert_num_queries(0):
        writing.refresh(workspace.pk, "test", writing.Batch.of([renewed], [], []), NOW)


def test_the_answer_is_one_query(workspace: Workspace, django_assert_num_queries: Callable[..., object]) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state()))
    with scope(workspace), transaction.atomic(), django_assert_num_queries(1):
        assert for_customer(workspace.pk, Mode.TEST, "cus_1").tier == "growth"


def test_those_without_a_subscription_have_the_free_tier_and_strangers_nothing(workspace: Workspace) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_known")
    CustomerFactory(workspace=workspace, stripe_id="cus_live", mode="live")
    known = access(workspace, "cus_known")
    assert (known.known, known.tier, known.tier_name, known.seats, str(known.reason)) == (
        True, "free", "Free", 2, "no_subscription",
    )  # fmt: skip
    for stranger in ("cus_live", "cus_nobody", "", "%"):
        answer = access(workspace, stranger)
        assert (answer.known, answer.tier, answer.features, str(answer.reason)) == (False, None, {}, "unknown")
    TierFactory(workspace=workspace, key="free", name="Gratis", rank=0, seat_limit=9, features={"projects": 3})
    edited = access(workspace, "cus_known")
    assert (edited.tier_name, edited.seats, edited.features) == ("Gratis", 9, {"projects": 3})
    AccessPolicyFactory(workspace=workspace, free_tier=None)
    assert (access(workspace, "cus_known").tier, access(workspace, "cus_known").known) == (None, True)


def test_nothing_of_another_workspace_or_mode_counts(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    for stranger, mode in ((other, "test"), (workspace, "live")):
        PriceMappingFactory(workspace=stranger, mode=mode, value="price_strange", tier="scale")
        AccessOverrideFactory(workspace=stranger, mode=mode, customer="cus_1", tier="scale")
        AccessFactory(workspace=stranger, mode=mode, customer="cus_1", tier="scale")
        PriceUseFactory(workspace=stranger, mode=mode, customer="cus_9", price="price_strange")
        apply(stranger, catalogue(), lesson("x", 5, state(price="scale", name="sub_x")), mode=Mode(mode))
    TierFactory(workspace=other, key="free", rank=99)
    AccessPolicyFactory(workspace=other, free_tier=None)
    apply(workspace, catalogue(), lesson("1", 0, state(price="strange")))
    answer = access(workspace)
    assert (answer.tier, answer.seats, str(answer.reason), answer.overridden) == ("free", 2, "unmapped", False)
    with scoped_transaction(workspace):
        assert PriceUse.objects.filter(mode="test").count() == 1
        assert Access.objects.filter(mode="test").count() == 1
    assert access(other).tier == "scale"
    assert access(workspace, mode=Mode.LIVE).tier == "scale"


def test_recompute_follows_rules_and_time(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state(price="strange")))
    PriceMappingFactory(workspace=workspace, value="price_strange", tier="growth", changed_at=NOW)
    with scoped_transaction(workspace):
        assert writing.recompute(workspace.pk, "test", ["cus_1", "cus_nobody"], NOW) == 1
        assert writing.recompute(workspace.pk, "test", ["cus_1"], NOW) == 0
        assert writing.recompute(workspace.pk, "test", [], NOW) == 0
    answer = access(workspace)
    assert (answer.tier, answer.since, answer.cause) == ("growth", NOW, "mapping:price:price_strange")
    day = timedelta(days=1)
    AccessOverrideFactory(workspace=workspace, customer="cus_1", tier="scale", created_at=NOW, expires_at=NOW + day)
    with scoped_transaction(workspace):
        writing.recompute(workspace.pk, "test", ["cus_1"], NOW)
    assert (access(workspace).tier, access(workspace).until) == ("scale", NOW + day)
    with scoped_transaction(workspace):
        writing.recompute(workspace.pk, "test", ["cus_1"], NOW + day)
    assert (access(workspace).tier, access(workspace).until, access(workspace).since) == ("growth", None, NOW + day)
    assert [kind for kind, _, _ in told(workspace)] == ["access.upgraded", "access.upgraded", "access.downgraded"]


@pytest.mark.parametrize(
    ("first", "since", "tier"),
    [
        (state(), 0, "growth"),
        (state("past_due"), 0, "growth"),
        (state("canceled", ended_at=T + 70, canceled_at=T + 40), 70, "free"),
        (state("canceled", canceled_at=T + 40), 40, "free"),
        (state("unpaid"), 500, "free"),
    ],
)
def test_who_was_there_before_we_knew_had_access_before(
    workspace: Workspace, first: SubscriptionState, since: int, tier: str
) -> None:
    found = Learned("pqread_1", "pqintel.read", T + 500, (Snapshot(Kind.SUBSCRIPTION, first, read=True),))
    apply(workspace, catalogue(), found)
    answer = access(workspace)
    assert answer.since is not None
    assert (int(answer.since.timestamp()) - T, answer.tier, answer.cause) == (since, tier, "pqread_1")


def test_the_part_of_a_second_in_which_somebody_decides_does_not_matter(workspace: Workspace) -> None:
    late = NOW + timedelta(microseconds=999_999)
    apply(workspace, catalogue(), lesson("1", 0, state(price="strange")))
    PriceMappingFactory(workspace=workspace, value="price_strange", tier="growth", changed_at=late)
    AccessOverrideFactory(workspace=workspace, customer="cus_1", tier="scale", created_at=late)
    with scoped_transaction(workspace):
        writing.recompute(workspace.pk, "test", ["cus_1"], late)
    assert (access(workspace).tier, access(workspace).since) == ("scale", NOW)


def test_several_items_of_one_subscription(workspace: Workspace) -> None:
    items = (ItemState("si_1", "price_starter", 1), ItemState("si_2", "price_scale", None))
    apply(workspace, catalogue(), lesson("1", 0, state(items=items)))
    assert access(workspace).tier == "scale"


def test_no_rows_are_deleted_by_a_downgrade(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("1", 0, state(price="scale")))
    counts = {k: len(v) for k, v in dump(workspace).items()}
    apply(workspace, lesson("2", 10, state("canceled", price="scale")))
    assert all(len(v) >= counts[k] for k, v in dump(workspace).items() if k != "access")
    assert SCALE[0].tier_key == "scale"
    with scoped_transaction(workspace):
        assert (PriceMapping.objects.count(), AccessOverride.objects.count(), Tier.objects.count()) == (0, 0, 0)
