"""How a subscription stands: what it owes, what failed, since when it has paid."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from django.db import transaction

from billing.actions import learn
from billing.models import Subscription
from billing.modes import Mode
from billing.snapshots import Fact, InvoiceState, Kind, Learned, PaymentState, Snapshot, SubscriptionState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db

T = 1_767_225_600
NOW = datetime(2026, 3, 1, tzinfo=UTC)

SUBSCRIBED = Learned(
    "evt_sub",
    "customer.subscription.created",
    T,
    (Snapshot(Kind.SUBSCRIPTION, SubscriptionState("sub_1", "cus_1", "active", T), born=True),),
)


def invoice(second: int, status: str = "open", name: str = "in_1", *, due: int = 4900, **fields: Any) -> Learned:
    """An invoice's event; it was created at T plus the number in its name."""
    state = InvoiceState(
        name,
        "cus_1",
        "sub_1",
        status,
        "usd",
        T + int(name.removeprefix("in_")),
        amount_due=due,
        paid_at=T + second if status == "paid" else None,
        **fields,
    )
    return Learned(f"evt_{name}_{second}_{status}", "invoice.updated", T + second, (Snapshot(Kind.INVOICE, state),))


def failed(second: int, name: str = "in_1", decline: str = "soft") -> Learned:
    """An attempt, as the payment's event tells it."""
    payment = name.replace("in", "pi")
    fact = Fact(
        "payment.failed",
        Kind.PAYMENT,
        payment,
        "cus_1",
        {"amount": 4900, "currency": "usd", "charge": f"ch_{name}_{second}", "decline": decline},
    )
    return Learned(
        f"evt_{payment}_{second}", "payment_intent.payment_failed", T + second, links=((name, payment),), facts=(fact,)
    )


def succeeded(second: int, received: int, payment: str = "pi_1") -> Learned:
    state = PaymentState(payment, "cus_1", "succeeded", received, "usd", T, amount_received=received)
    return Learned(
        f"evt_{payment}_{second}",
        "payment_intent.succeeded",
        T + second,
        (Snapshot(Kind.PAYMENT, state),),
        links=(("in_1", payment),),
    )


CASES: dict[str, tuple[list[Learned], tuple[str, int, int | None]]] = {
    "nothing billed": ([], ("none", 0, None)),
    "a draft is not billed": ([invoice(10, "draft")], ("none", 0, None)),
    "a draft thrown away": ([invoice(10, "draft"), invoice(20, "deleted")], ("none", 0, None)),
    "open": ([invoice(10)], ("due", 0, None)),
    "paid": ([invoice(10), invoice(20, "paid")], ("paid", 0, 20)),
    "credit: nothing due": ([invoice(10, "paid", due=0)], ("paid", 0, 10)),
    "failing": ([invoice(10), failed(20), failed(400)], ("failing", 2, None)),
    "retry announced, its failure not heard of": (
        [invoice(10, attempt_count=1, attempted=True, next_payment_attempt=T + 500)],
        ("failing", 0, None),
    ),
    "processing is no failure": ([invoice(10, attempt_count=1, attempted=True)], ("due", 0, None)),
    "must confirm": ([invoice(10), failed(20), failed(400, decline="authentication")], ("action_required", 2, None)),
    "paid after failures": ([invoice(10), failed(20), failed(400), invoice(500, "paid")], ("paid", 0, 500)),
    "voided": ([invoice(10), failed(20), invoice(500, "void")], ("void", 0, None)),
    "written off": ([invoice(10), failed(20), invoice(500, "uncollectible")], ("written_off", 0, None)),
    "paid after it was written off": ([invoice(10, "uncollectible"), invoice(20, "paid")], ("paid", 0, 20)),
    "the payment succeeded, the invoice's event is missing": (
        [invoice(10), failed(20), succeeded(500, 4900)],
        ("paid", 0, None),
    ),
    "a part of it": ([invoice(10), failed(20), succeeded(500, 900)], ("failing", 1, None)),
    "both parts": ([invoice(10), succeeded(500, 900), succeeded(600, 4000, "pi_7")], ("paid", 0, None)),
    "a newer one paid zeroes the count": (
        [invoice(10), failed(20), failed(30), invoice(100, "paid", "in_2")],
        ("paid", 0, 100),
    ),
    "and later failures count again": (
        [invoice(10), failed(20), invoice(100, "paid", "in_2"), failed(300)],
        ("paid", 1, 100),
    ),
    "an older one paid leaves the newest failing": (
        [invoice(10), invoice(20, name="in_2"), failed(30, "in_2"), invoice(25, "paid"), failed(20)],
        ("failing", 1, 25),
    ),
}


def apply(workspace: Workspace, *lessons: Learned) -> None:
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, Mode.TEST, lessons, NOW)


def stands(workspace: Workspace) -> tuple[str, int, int | None]:
    with scope(workspace), transaction.atomic():
        found = Subscription.objects.get(mode=Mode.TEST)
        paid = found.last_paid_at
        return found.payment_status, found.failed_attempts, paid and int(paid.timestamp()) - T


@pytest.mark.parametrize("case", CASES)
def test_how_it_stands_whatever_came_first(case: str) -> None:
    story, expected = CASES[case]
    lessons = [SUBSCRIBED, *story]
    at_once = WorkspaceFactory()
    apply(at_once, *lessons)
    assert stands(at_once) == expected
    orders = list(permutations(lessons))
    for order in (*orders[:: max(1, len(orders) // 6)], orders[-1]):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        assert stands(workspace) == expected


def test_the_other_mode_and_other_subscriptions_have_no_part(workspace: Workspace) -> None:
    apply(workspace, SUBSCRIBED, invoice(10, "paid"))
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, Mode.LIVE, [SUBSCRIBED, invoice(10), failed(20)], NOW)
    apply(
        workspace,
        Learned(
            "evt_other",
            "invoice.updated",
            T + 50,
            (Snapshot(Kind.INVOICE, InvoiceState("in_9", "cus_1", "sub_2", "open", "usd", T + 50, amount_due=4900)),),
        ),
        failed(60, "in_9"),
    )
    assert stands(workspace) == ("paid", 0, 10)
    with scope(workspace), transaction.atomic():
        live = Subscription.objects.get(mode=Mode.LIVE)
        assert (live.payment_status, live.failed_attempts) == ("failing", 1)


def test_a_batch_that_changes_nothing_writes_nothing(workspace: Workspace) -> None:
    apply(workspace, SUBSCRIBED, invoice(10), failed(20))
    with scope(workspace), transaction.atomic():
        version = Subscription.objects.raw("SELECT id, xmin::text AS version FROM billing_subscription")[0].version
    apply(workspace, failed(20))
    with scope(workspace), transaction.atomic():
        assert (
            Subscription.objects.raw("SELECT id, xmin::text AS version FROM billing_subscription")[0].version == version
        )
