"""What a batch of lessons makes of the tables: chains, spans, history, and the same whatever the order."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from billing.actions import Outcome, learn
from billing.actions.catalogue import _accrue
from billing.fingerprint import canonical
from billing.models import OPEN_END, HistoryEntry, MrrSpan, Subscription, Version
from billing.modes import Mode
from billing.snapshots import (
    CheckoutState,
    Coupon,
    CustomerState,
    Discount,
    DiscountRef,
    Fact,
    InvoiceState,
    ItemState,
    Kind,
    Learned,
    PaymentState,
    Price,
    Snapshot,
    SubscriptionState,
    Tier,
)
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db

T = 1_767_225_600
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTHLY = Price(
    "price_m", product="prod_1", currency="usd", unit_amount=Decimal(1000), billing_scheme="per_unit", interval="month",
    interval_count=1, usage_type="licensed", transform_divide_by=None, tax_behavior="unspecified",
)  # fmt: skip


def sub(status: str = "active", quantity: int = 1, price: str = "price_m", **more: object) -> SubscriptionState:
    items = (ItemState("si_1", price, quantity),)
    return replace(SubscriptionState("sub_1", "cus_1", status, T, currency="usd", items=items), **more)


def lesson(
    name: str, second: int, state: SubscriptionState, before: SubscriptionState | None = None, **more: object
) -> Learned:
    kind = "deleted" if state.status == "canceled" else ("updated" if before else "created")
    snapshot = Snapshot(Kind.SUBSCRIPTION, state, before=before, born=kind == "created")
    learned = Learned(f"evt_{name}", f"customer.subscription.{kind}", T + second, (snapshot,), (MONTHLY,))
    return replace(learned, **more)


def apply(workspace: Workspace, *lessons: Learned) -> Outcome:
    with scope(workspace), transaction.atomic():
        return learn(workspace.pk, Mode.TEST, lessons, NOW)


def dump(workspace: Workspace) -> dict[str, list[object]]:
    with scope(workspace), transaction.atomic():
        return canonical(workspace.pk, Mode.TEST)


def spans(workspace: Workspace) -> list[tuple[int, int | None, str, bool]]:
    with scope(workspace), transaction.atomic():
        rows = MrrSpan.objects.order_by("starts", "trial")
        return [(s.starts - T, None if s.ends == OPEN_END else s.ends - T, f"{s.monthly:.2f}", s.trial) for s in rows]


def changes(workspace: Workspace) -> list[tuple[str, str]]:
    with scope(workspace), transaction.atomic():
        rows = HistoryEntry.objects.filter(is_change=True, object_kind="subscription").order_by("happened_at", "id")
        return [(h.kind, "superseded" if h.superseded_at else "stands") for h in rows]


def test_a_life_becomes_spans_and_steps_of_history(workspace: Workspace) -> None:
    apply(
        workspace,
        lesson("1", 0, sub("trialing")),
        lesson("2", 100, sub("active"), sub("trialing")),
        lesson("3", 200, sub("active", 3), sub("active")),
        lesson("4", 300, sub("canceled", 3)),
    )
    assert spans(workspace) == [
        (0, 100, "1000.00", True),
        (100, 200, "1000.00", False),
        (200, 300, "3000.00", False),
    ]
    assert changes(workspace) == [
        ("subscription.started", "stands"),
        ("subscription.trial_converted", "stands"),
        ("subscription.changed", "stands"),
        ("subscription.ended", "stands"),
    ]


def test_a_renewal_alone_makes_no_line_and_no_new_span(workspace: Workspace) -> None:
    apply(workspace, lesson("1", 0, sub()))
    renewed = sub(latest_invoice="in_2", current_period_end=T + 5)
    apply(workspace, lesson("2", 50, renewed, sub()))
    assert spans(workspace) == [(0, None, "1000.00", False)]
    assert changes(workspace) == [("subscription.started", "stands")]


def test_a_late_event_repairs_the_past_and_supersedes_what_was_believed(workspace: Workspace) -> None:
    apply(workspace, lesson("1", 0, sub()), lesson("3", 200, sub(quantity=3), sub(quantity=2)))
    believed = changes(workspace)
    apply(workspace, lesson("2", 100, sub(quantity=2), sub()))
    assert spans(workspace) == [(0, 100, "1000.00", False), (100, 200, "2000.00", False), (200, None, "3000.00", False)]
    assert believed == [("subscription.started", "stands"), ("subscription.changed", "stands")]
    assert sorted(changes(workspace)) == sorted(
        [
            ("subscription.started", "stands"),
            ("subscription.changed", "stands"),
            ("subscription.changed", "superseded"),
            ("subscription.changed", "stands"),
        ]
    )
    other = WorkspaceFactory()
    apply(
        other,
        lesson("1", 0, sub()),
        lesson("2", 100, sub(quantity=2), sub()),
        lesson("3", 200, sub(quantity=3), sub(quantity=2)),
    )
    assert dump(workspace) == dump(other)


def test_the_same_event_again_changes_nothing(workspace: Workspace) -> None:
    one = lesson("1", 0, sub(), facts=(Fact("invoice.paid", Kind.INVOICE, "in_1", "cus_1", {"amount": 5}),))
    apply(workspace, one)
    before = dump(workspace)
    apply(workspace, one, one)
    assert dump(workspace) == before


def test_terms_that_arrive_last_reach_every_state_that_waited_for_them(workspace: Workspace) -> None:
    tiered = Price(
        "price_t", product="prod_1", currency="usd", unit_amount=None, billing_scheme="tiered", tiers_mode="volume",
        interval="month", interval_count=1, usage_type="licensed", transform_divide_by=None, tax_behavior="unspecified",
    )  # fmt: skip
    known = replace(tiered, tiers=(Tier(5, Decimal(700), Decimal(0)), Tier(None, Decimal(600), Decimal(0))))
    story = [
        lesson("1", 0, sub(price="price_t", quantity=2), catalogue=(tiered,)),
        lesson("2", 100, sub(), sub(price="price_t", quantity=2)),
        Learned("evt_read", "pqintel.read", T + 500, catalogue=(known,)),
    ]
    outcome = apply(workspace, story[0])
    assert ("price", "price_t") in outcome.wanted
    apply(workspace, story[1])
    with scope(workspace), transaction.atomic():
        assert Subscription.objects.get().awaiting == ["price:price_t"]
    apply(workspace, story[2])
    with scope(workspace), transaction.atomic():
        assert Subscription.objects.get().awaiting == []
    assert spans(workspace) == [(0, 100, "1400.00", False), (100, None, "1000.00", False)]
    expected = dump(workspace)
    for order in Random(7).sample(list(itertools.permutations(story)), 6):
        other = WorkspaceFactory()
        for one in order:
            apply(other, one)
        assert dump(other) == expected


def test_a_state_that_gives_way_in_its_own_second_leaves_no_wait_behind() -> None:
    unknown = [lesson(n, 100, sub(price=f"price_{n}"), sub(price="price_m"), catalogue=()) for n in ("a", "b")]
    story = [lesson("1", 0, sub()), *unknown]
    dumps = []
    for order in itertools.permutations(story):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        dumps.append(dump(workspace))
        with scope(workspace), transaction.atomic():
            known = Subscription.objects.get()
            assert known.awaiting == [f"price:{item['price']}" for item in known.items]
    assert all(one == dumps[0] for one in dumps)


def test_a_repeating_coupon_ends_by_itself(workspace: Workspace) -> None:
    discounted = sub(discounts=(DiscountRef("di_1", "c20", T, T + 300),))
    coupon = Coupon("c20", percent_off=Decimal(20), amount_off=None, duration="repeating", duration_in_months=3)
    apply(workspace, lesson("1", 0, discounted, catalogue=(MONTHLY, coupon)))
    assert spans(workspace) == [(0, 300, "800.00", False), (300, None, "1000.00", False)]


def test_versions_hold_our_named_fields_and_nothing_else(workspace: Workspace) -> None:
    snapshots = (
        Snapshot(Kind.CUSTOMER, CustomerState("cus_1", email="a@example.com"), born=True),
        Snapshot(Kind.SUBSCRIPTION, sub()),
        Snapshot(Kind.INVOICE, InvoiceState("in_1", "cus_1", "sub_1", "open", "usd", T)),
        Snapshot(Kind.PAYMENT, PaymentState("pi_1", "cus_1", "succeeded", 500, "usd", T)),
        Snapshot(Kind.CHECKOUT, CheckoutState("cs_1", "cus_1", "sub_1", "subscription", "complete", "paid", T)),
    )
    apply(workspace, *(Learned(f"evt_{n}", "x", T, (s,)) for n, s in enumerate(snapshots)))
    named = {
        "customer": CustomerState,
        "subscription": SubscriptionState,
        "invoice": InvoiceState,
        "payment": PaymentState,
        "checkout": CheckoutState,
    }
    with scope(workspace), transaction.atomic():
        kept = {v.kind: set(v.state) for v in Version.objects.all()}
    assert set(kept) == set(named)
    for kind, names in kept.items():
        assert names <= {f.name for f in fields(named[kind])}


def test_one_workspaces_lessons_leave_no_trace_in_another(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    apply(workspace, lesson("1", 0, sub()))
    assert all(rows == [] for rows in dump(other).values())
    with scope(workspace), transaction.atomic():
        assert all(rows == [] for rows in canonical(workspace.pk, Mode.LIVE).values())


sightings = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.builds(
            Price, st.just("price_1"), nickname=st.sampled_from(["a", "b", None]), active=st.sampled_from([True, False])
        ),
    ),
    max_size=6,
)


@given(sightings, st.randoms(use_true_random=False))
def test_the_catalogue_keeps_the_newest_word_in_any_order(seen, random) -> None:
    def registers(order: list[tuple[int, Price]], pieces: int) -> dict[str, list[object]]:
        kept: dict[str, list[object]] = {}
        for start in range(0, len(order), pieces):
            _accrue(kept, order[start : start + pieces])
        return kept

    shuffled = seen[:]
    random.shuffle(shuffled)
    assert registers(seen, 1) == registers(shuffled, 2) == registers(shuffled, 6)


def test_a_customers_own_discount_reaches_subscriptions_without_one_in_any_order(workspace: Workspace) -> None:
    ref = DiscountRef("di_c", None)
    catalogue = (
        MONTHLY,
        Coupon("c50", percent_off=Decimal(50), amount_off=None, duration="forever"),
        Discount("di_c", coupon="c50", start=T + 100, end=None),
    )
    plain, discounted = CustomerState("cus_1", discounts=()), CustomerState("cus_1", discounts=(ref,))
    own = replace(
        sub(), id="sub_2", discounts=(DiscountRef(None, "c50", T, None),), items=(ItemState("si_2", "price_m"),)
    )
    story = [
        lesson("1", 0, sub()),
        lesson("2", 0, own, catalogue=catalogue),
        Learned("evt_3", "customer.created", T, (Snapshot(Kind.CUSTOMER, plain, born=True),)),
        Learned("evt_4", "customer.updated", T + 100, (Snapshot(Kind.CUSTOMER, discounted, before=plain),)),
        Learned("evt_5", "customer.updated", T + 300, (Snapshot(Kind.CUSTOMER, plain, before=discounted),)),
    ]
    apply(workspace, *story)
    with scope(workspace), transaction.atomic():
        rows = MrrSpan.objects.order_by("subscription", "starts").values_list(
            "subscription", "starts", "ends", "monthly"
        )
        assert [(name, start - T, min(end - T, 999), int(amount)) for name, start, end, amount in rows] == [
            ("sub_1", 0, 100, 1000),
            ("sub_1", 100, 300, 500),
            ("sub_1", 300, 999, 1000),
            ("sub_2", 0, 999, 500),
        ]
    expected = dump(workspace)
    for order in Random(7).sample(list(itertools.permutations(story)), 6):
        other = WorkspaceFactory()
        for one in order:
            apply(other, one)
        assert dump(other) == expected
