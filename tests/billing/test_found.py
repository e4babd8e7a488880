"""What existed before we knew of it: found, not started; its past estimated until events tell how it was."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.actions import learn
from billing.actions.past import estimated_past
from billing.fingerprint import canonical
from billing.models import OPEN_END, HistoryEntry, MrrSpan, Subscription
from billing.modes import Mode
from billing.snapshots import (
    Coupon,
    CustomerState,
    DiscountRef,
    InvoiceState,
    ItemState,
    Kind,
    Learned,
    Price,
    Snapshot,
    State,
    SubscriptionState,
)
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db

T, LATER = 1_767_225_600, 1000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTHLY = Price(
    "price_m", product="prod_1", currency="usd", unit_amount=Decimal(1000), billing_scheme="per_unit", interval="month",
    interval_count=1, usage_type="licensed", transform_divide_by=None, tax_behavior="unspecified",
)  # fmt: skip
HALF = Coupon("half", percent_off=Decimal(50), amount_off=None, duration="forever")


def sub(status: str = "active", quantity: int = 1, **more: object) -> SubscriptionState:
    items = (ItemState("si_1", "price_m", quantity),)
    return replace(SubscriptionState("sub_1", "cus_1", status, T, currency="usd", items=items), **more)


def read(second: int, *states: State) -> Learned:
    kinds = {SubscriptionState: Kind.SUBSCRIPTION, CustomerState: Kind.CUSTOMER, InvoiceState: Kind.INVOICE}
    snapshots = tuple(Snapshot(kinds[type(state)], state, read=True) for state in states)
    return Learned(f"pqread_{second}", "pqintel.read", T + second, snapshots, (MONTHLY, HALF))


def told(kind: str, second: int, state: SubscriptionState, before: SubscriptionState | None = None) -> Learned:
    snapshot = Snapshot(Kind.SUBSCRIPTION, state, before=before, born=kind == "created")
    return Learned(f"evt_{kind}_{second}", f"customer.subscription.{kind}", T + second, (snapshot,), (MONTHLY,))


def apply(workspace: Workspace, *lessons: Learned) -> None:
    with scoped_transaction(workspace):
        learn(workspace.pk, Mode.TEST, lessons, NOW)


def spans(workspace: Workspace) -> list[tuple[int, int | None, str]]:
    """Starts, ends, what it is worth; trials in brackets, and ! where a failed payment ended it."""
    with scoped_transaction(workspace):
        rows = MrrSpan.objects.order_by("starts", "trial")
        return [
            (
                s.starts - T,
                None if s.ends == OPEN_END else s.ends - T,
                f"{f'({s.monthly:.0f})' if s.trial else f'{s.monthly:.0f}'}{'!' if s.involuntary else ''}",
            )
            for s in rows
        ]


def lines(workspace: Workspace) -> list[tuple[int, str]]:
    with scoped_transaction(workspace):
        rows = HistoryEntry.objects.filter(superseded_at=None).exclude(object_kind__in=("access", "price"))
        rows = rows.order_by("happened_at", "kind")
        return [(int(h.happened_at.timestamp()) - T, h.kind) for h in rows]


@pytest.mark.parametrize(
    ("first", "past"),
    [
        (sub("active"), [(0, LATER, "active")]),
        (sub("past_due"), [(0, LATER, "active")]),
        (sub("trialing", trial_start=T, trial_end=T + 2000), [(0, LATER, "trialing")]),
        (sub("active", trial_start=T, trial_end=T + 300), [(0, 300, "trialing"), (300, LATER, "active")]),
        (sub("active", trial_end=T + 300), [(0, 300, "trialing"), (300, LATER, "active")]),
        (
            sub("active", trial_start=T + 100, trial_end=T + 300),
            [(0, 100, "active"), (100, 300, "trialing"), (300, LATER, "active")],
        ),
        (sub("canceled", ended_at=T + 400), [(0, 400, "active")]),
        (sub("canceled", canceled_at=T + 300), [(0, 300, "active")]),
        (sub("canceled"), [(0, LATER, "active")]),
        (sub("canceled", ended_at=T + 400, trial_start=T, trial_end=T + 900), [(0, 400, "trialing")]),
        (sub("canceled", ended_at=T), []),
        (sub("unpaid"), []),
        (sub("paused"), []),
        (sub("incomplete"), []),
        (sub("incomplete_expired"), []),
        (sub("active", created=T + LATER), []),
        (sub("active", created=T + LATER + 5), []),
    ],
)
def test_what_is_assumed_of_the_time_before(first: SubscriptionState, past: list[tuple[int, int, str]]) -> None:
    pieces = estimated_past(first, T + LATER)
    assert [(begins - T, ends - T, state.status) for begins, ends, state in pieces] == past


def test_an_end_that_was_asked_for_counts_then_where_the_workspace_says_so() -> None:
    leaving = sub("active", cancel_at_period_end=True, canceled_at=T + 600)
    ((begins, ends, state),) = estimated_past(leaving, T + LATER, at_request=True)
    assert (begins, ends, state.status) == (T, T + 600, "active")


def test_what_a_backfill_finds_has_been_there_before(workspace: Workspace) -> None:
    apply(workspace, read(LATER, sub(quantity=2), CustomerState("cus_1", created=T)))
    assert spans(workspace) == [(0, None, "2000")]
    assert lines(workspace) == [(LATER, "customer.found"), (LATER, "subscription.found")]


def test_what_has_ended_before_we_knew_it_did_not_end_now(workspace: Workspace) -> None:
    failed = sub("canceled", ended_at=T + 400, cancellation_reason="payment_failed")
    apply(workspace, read(LATER, failed, CustomerState("cus_1", deleted=True)))
    assert spans(workspace) == [(0, 400, "1000!")]
    assert lines(workspace) == [(LATER, "customer.found"), (LATER, "subscription.found")]


def test_an_invoice_that_is_found_has_no_line(workspace: Workspace) -> None:
    apply(workspace, read(LATER, InvoiceState("in_1", "cus_1", None, "paid", "usd", T)))
    assert lines(workspace) == []


def test_an_end_that_an_event_tells_is_an_end_although_nothing_is_known_before_it(workspace: Workspace) -> None:
    apply(workspace, told("deleted", 500, sub("canceled", ended_at=T + 500)))
    assert lines(workspace) == [(500, "subscription.ended")]
    assert spans(workspace) == [(0, 500, "1000")]


def test_an_update_of_what_is_not_known_is_no_start(workspace: Workspace) -> None:
    apply(workspace, told("updated", 500, sub(quantity=3), sub(quantity=2)))
    assert lines(workspace) == [(500, "subscription.found")]
    apply(workspace, told("created", 0, sub()))
    assert lines(workspace) == [(0, "subscription.started"), (500, "subscription.changed")]


def test_the_estimate_gives_way_to_what_events_tell(workspace: Workspace) -> None:
    apply(workspace, read(LATER, sub(quantity=5)))
    assert spans(workspace) == [(0, None, "5000")]
    apply(workspace, told("updated", 600, sub(quantity=5), sub(quantity=4)))
    apply(workspace, told("updated", 400, sub(quantity=4), sub(quantity=2)))
    assert spans(workspace) == [(0, 600, "4000"), (600, None, "5000")]
    apply(
        workspace, told("created", 0, sub("incomplete", 2)), told("updated", 10, sub(quantity=2), sub("incomplete", 2))
    )
    assert spans(workspace) == [(10, 400, "2000"), (400, 600, "4000"), (600, None, "5000")]
    assert lines(workspace) == [
        (0, "subscription.started"),
        (10, "subscription.activated"),
        (400, "subscription.changed"),
        (600, "subscription.changed"),
    ]


def test_a_discount_of_the_customer_is_part_of_the_estimate(workspace: Workspace) -> None:
    halved = CustomerState("cus_1", created=T, discounts=(DiscountRef(None, "half", T),))
    apply(workspace, read(LATER, sub()))
    apply(workspace, read(LATER + 3, halved))
    assert spans(workspace)[0] == (0, LATER, "500")
    apply(workspace, read(LATER - 3, halved))
    assert spans(workspace) == [(0, None, "500")]


def test_items_beyond_the_first_ten_stay_what_they_were_until_they_are_read(workspace: Workspace) -> None:
    def items(count: int, quantity: int = 1) -> tuple[ItemState, ...]:
        return tuple(ItemState(f"si_{n:02}", "price_m", quantity) for n in range(count))

    apply(workspace, told("created", 0, sub(items=items(10), items_cut=True)))
    assert sum(int(worth) for _, _, worth in spans(workspace)) == 10_000
    apply(workspace, read(0, sub(items=items(12))))
    assert [(starts, ends) for starts, ends, _ in spans(workspace)] == [(0, None)] * 12
    more = sub(items=items(10, 2), items_cut=True)
    apply(workspace, told("updated", 5, more, sub(items=items(10), items_cut=True)))
    with scoped_transaction(workspace):
        assert [item["quantity"] for item in Subscription.objects.get().items] == [2] * 10 + [1] * 2
    apply(workspace, read(9, sub(items=items(3))))
    apply(workspace, told("updated", 20, sub(items=items(3), cancel_at_period_end=True), sub(items=items(3))))
    with scoped_transaction(workspace):
        assert [item["quantity"] for item in Subscription.objects.get().items] == [1] * 3


SAID = (
    told("created", 0, sub("trialing", trial_start=T, trial_end=T + 50)),
    told("updated", 0, sub("trialing", 2, trial_end=T + 50), sub("trialing", trial_start=T, trial_end=T + 50)),
    read(0, sub("trialing", trial_start=T - 5, trial_end=T + 50, created=T - 5)),
    told("updated", 50, sub("active", 2), sub("trialing", 2)),
    read(70, sub("active", 2), CustomerState("cus_1", discounts=(DiscountRef(None, "half", T),))),
    read(80, sub("active", 3), CustomerState("cus_1", discounts=())),
    told("updated", 90, sub("active", 4), sub("active", 3)),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.permutations(SAID), st.sets(st.sampled_from(range(len(SAID)))))
def test_whatever_is_known_in_whatever_order_makes_one_past(order: list[Learned], absent: set[int]) -> None:
    known = [lesson for lesson in SAID if SAID.index(lesson) not in absent]
    if not known:
        return
    together, apart = WorkspaceFactory(), WorkspaceFactory()
    apply(together, *known)
    for lesson in (one for one in order if one in known):
        apply(apart, lesson)
    dumps = []
    for workspace in (together, apart):
        with scoped_transaction(workspace), transaction.atomic():
            dumps.append(canonical(workspace.pk, Mode.TEST))
    assert dumps[0] == dumps[1]


def test_two_orders_of_a_read_and_a_birth_in_one_second(workspace: Workspace) -> None:
    earlier = replace(sub(), created=T - 5)
    for order in itertools.permutations([read(0, earlier), told("created", 0, earlier)]):
        other = WorkspaceFactory()
        for lesson in order:
            apply(other, lesson)
        assert spans(other) == [(0, None, "1000")]
