"""Two events tell of one failed attempt: whichever comes, in whatever order, there is one failure per attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.actions import learn, standing
from billing.failures import APART, Failed, Told, failed_attempts
from billing.fingerprint import canonical
from billing.models import Failure
from billing.modes import Mode
from billing.snapshots import Fact, InvoiceState, Kind, Learned, PaymentState, Snapshot, SubscriptionState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import WorkspaceFactory

T = 1_767_225_600
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400


def by_invoice(name: str, second: int, count: int = 1, invoice: str = "in_1", **detail: Any) -> Told:
    told = {"attempt_count": count, "amount": 4900, "currency": "usd", "subscription": "sub_1", **detail}
    return Told("invoice.payment_failed", f"evt_{name}", T + second, invoice, "cus_1", told)


def by_payment(name: str, second: int, payment: str = "pi_1", **detail: Any) -> Told:
    told = {"amount": 4900, "currency": "usd", "charge": f"ch_{name}", "decline": "soft", **detail}
    return Told("payment.failed", f"evt_{name}", T + second, payment, "cus_1", told)


def told(failures: list[Failed]) -> list[tuple[str, int, str | None, str | None]]:
    """Subject, attempt, and the events that told of it."""
    return [
        (
            failed.subject,
            failed.attempt,
            failed.by_invoice and failed.by_invoice.event_id,
            failed.by_payment and failed.by_payment.event_id,
        )
        for failed in failures
    ]


LINKED = [("in_1", "pi_1")]


def test_the_two_events_of_an_attempt_are_one_failure() -> None:
    facts = [by_invoice("i1", 2), by_payment("p1", 0), by_payment("p2", 3 * DAY), by_invoice("i2", 3 * DAY + 1, 2)]
    expected = [("in_1", 1, "evt_i1", "evt_p1"), ("in_1", 2, "evt_i2", "evt_p2")]
    assert told(failed_attempts(facts, LINKED)) == expected
    assert told(failed_attempts(reversed(facts), LINKED)) == expected


def test_an_attempt_by_hand_counts_though_stripes_counter_does_not_move() -> None:
    facts = [by_invoice("i1", 0), by_payment("p1", 0), by_invoice("i2", 600, 1), by_payment("p2", 599)]
    assert told(failed_attempts(facts, LINKED)) == [("in_1", 1, "evt_i1", "evt_p1"), ("in_1", 2, "evt_i2", "evt_p2")]


@pytest.mark.parametrize("lost", ["i2", "p2"])
def test_an_attempt_of_which_only_one_event_came_stands_by_itself(lost: str) -> None:
    facts = [
        by_invoice("i1", 1),
        by_payment("p1", 0),
        by_invoice("i2", 3 * DAY, 2),
        by_payment("p2", 3 * DAY),
        by_payment("p3", 8 * DAY),
        by_invoice("i3", 8 * DAY, 3),
    ]
    found = told(failed_attempts([fact for fact in facts if fact.event_id != f"evt_{lost}"], LINKED))
    alone = ("in_1", 2, "evt_i2" if lost == "p2" else None, "evt_p2" if lost == "i2" else None)
    assert found == [("in_1", 1, "evt_i1", "evt_p1"), alone, ("in_1", 3, "evt_i3", "evt_p3")]


def test_the_charge_decides_where_time_does_not() -> None:
    facts = [
        by_payment("a", 0),
        by_payment("b", 0),
        by_invoice("c", 0, 0, charge="ch_b"),
        by_invoice("d", 0, 0, charge="ch_a"),
    ]
    pairs = {(i, p) for _, _, i, p in told(failed_attempts(facts, LINKED))}
    assert pairs == {("evt_c", "evt_b"), ("evt_d", "evt_a")}


def test_different_charges_are_different_attempts_however_close() -> None:
    facts = [by_payment("a", 0), by_invoice("c", 1, charge="ch_other")]
    assert told(failed_attempts(facts, LINKED)) == [("in_1", 1, None, "evt_a"), ("in_1", 2, "evt_c", None)]


def test_two_events_of_one_change_are_one() -> None:
    facts = [by_invoice("i", 0), by_invoice("twin", 0), by_payment("p", 0), by_payment("twin_p", 0, charge="ch_p")]
    assert told(failed_attempts(facts, LINKED)) == [("in_1", 1, "evt_i", "evt_p")]


def test_several_payments_of_one_invoice_count_together() -> None:
    facts = [by_payment("p1", 0), by_invoice("i1", 0), by_payment("p2", DAY, "pi_2"), by_invoice("i2", DAY, 2)]
    links = [*LINKED, ("in_1", "pi_2")]
    assert told(failed_attempts(facts, links)) == [("in_1", 1, "evt_i1", "evt_p1"), ("in_1", 2, "evt_i2", "evt_p2")]


def test_a_payment_without_an_invoice_counts_for_itself() -> None:
    facts = [by_payment("p2", 20), by_payment("p1", 10)]
    assert told(failed_attempts(facts, [])) == [("pi_1", 1, None, "evt_p1"), ("pi_1", 2, None, "evt_p2")]


def test_without_any_link_the_same_sum_at_the_same_time_makes_the_pair() -> None:
    facts = [
        by_payment("p1", 0),
        by_invoice("i1", 1),
        by_payment("p2", 3 * DAY),  # its invoice event was lost
        by_payment("other_sum", 0, "pi_2", amount=100),
        by_payment("other_currency", 0, "pi_3", currency="eur"),
        by_payment("other_time", APART + 10, "pi_4"),
    ]
    assert told(failed_attempts(facts, [])) == [
        ("in_1", 1, "evt_i1", "evt_p1"),
        ("in_1", 2, None, "evt_p2"),
        ("pi_2", 1, None, "evt_other_sum"),
        ("pi_3", 1, None, "evt_other_currency"),
        ("pi_4", 1, None, "evt_other_time"),
    ]
    # A link says better: then nothing is inferred.
    linked = told(failed_attempts(facts, [("in_1", "pi_4")]))
    assert ("pi_1", 1, None, "evt_p1") in linked
    assert ("in_1", 2, None, "evt_other_time") in linked


def test_without_links_invoices_that_fail_together_have_a_payment_each() -> None:
    both = [0, 3 * DAY]
    facts = [by_invoice(f"{name}{n}", at, n, f"in_{name}") for name in "ab" for n, at in enumerate(both)]
    facts += [by_payment(f"x{n}", at, "pi_x") for n, at in enumerate(both)]
    facts += [by_payment(f"y{n}", at, "pi_y") for n, at in enumerate([*both, 9 * DAY])]  # the last one's event was lost
    facts.append(by_invoice("b9", 20 * DAY, 4, "in_b"))
    counts = [(f.invoice, f.attempt, f.by_payment is not None) for f in failed_attempts(facts, [])]
    assert counts == [
        ("in_a", 1, True),
        ("in_a", 2, True),
        ("in_b", 1, True),
        ("in_b", 2, True),
        ("in_b", 3, True),
        ("in_b", 4, False),
    ]


def test_a_confirmation_asked_for_is_the_reason_where_no_other_was_told() -> None:
    asked = Told("invoice.payment_action_required", "evt_a", T + 1, "in_1", "cus_1", {})
    (failed,) = failed_attempts([by_invoice("i", 0), asked], [])
    assert failed.decline == "authentication"
    (failed,) = failed_attempts([by_invoice("i", 0), by_payment("p", 0, decline="hard"), asked], LINKED)
    assert failed.decline == "hard"
    assert failed_attempts([asked], LINKED) == []


def test_a_burst_of_thousands_is_paired_in_reasonable_time() -> None:
    many = [by_payment(f"p{n:05}", n // 50) for n in range(3000)] + [by_invoice(f"i{n:05}", n, n) for n in range(60)]
    found = failed_attempts(many, LINKED)
    assert len(found) == 3000
    assert sum(f.by_invoice is not None for f in found) == 60


# --- in the tables ---------------------------------------------------------------------------------------------------
def lesson(fact: Told, *, link: bool = False) -> Learned:
    """What the event of a fact teaches: its object's state too."""
    detail = dict(fact.detail)
    links = (("in_1", "pi_1"),) if link else ()
    if fact.kind == "payment.failed":
        state: Any = PaymentState(fact.object_id, fact.customer, "requires_payment_method", 4900, "usd", T)
        kind = Kind.PAYMENT
    else:
        state = InvoiceState(
            fact.object_id, fact.customer, "sub_1", "open", "usd", T, amount_due=4900, amount_remaining=4900,
            attempt_count=detail.get("attempt_count", 0), attempted=True,
        )  # fmt: skip
        kind = Kind.INVOICE
    known = Fact(fact.kind, kind, fact.object_id, fact.customer, detail)
    return Learned(fact.event_id, fact.kind, fact.second, (Snapshot(kind, state),), links=links, facts=(known,))


def paid(second: int, invoice: str = "in_1", status: str = "paid") -> Learned:
    state = InvoiceState(
        invoice, "cus_1", "sub_1", status, "usd", T, amount_due=4900, amount_paid=4900, paid_at=T + second
    )
    return Learned(f"evt_{status}_{invoice}", f"invoice.{status}", T + second, (Snapshot(Kind.INVOICE, state),))


SUBSCRIBED = Learned(
    "evt_sub",
    "customer.subscription.created",
    T - DAY,
    (Snapshot(Kind.SUBSCRIPTION, SubscriptionState("sub_1", "cus_1", "active", T - DAY), born=True),),
)
LINK = Learned("evt_link", "pqintel.read", T + 50, links=(("in_1", "pi_1"),))

STORY = [
    SUBSCRIBED,
    lesson(by_payment("p1", 0)),
    lesson(by_invoice("i1", 1)),
    lesson(by_payment("p2", 3 * DAY, decline="hard")),
    lesson(by_invoice("i2", 3 * DAY + 2, 2)),
    LINK,
    lesson(by_invoice("x1", 5, 1, "in_2", amount=100)),
    paid(4 * DAY, "in_0"),
    lesson(by_payment("p3", 8 * DAY)),
    lesson(by_payment("guest", 10, "pi_9")),
]


def apply(workspace: Workspace, *lessons: Learned) -> None:
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, Mode.TEST, lessons, NOW)


def derived(workspace: Workspace) -> dict[str, list[Any]]:
    with scope(workspace), transaction.atomic():
        dump = canonical(workspace.pk, Mode.TEST)
    return {table: dump[table] for table in ("failure", "subscription", "invoice")}


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(st.permutations(STORY), st.lists(st.integers(1, len(STORY) - 1), max_size=4), st.sampled_from(STORY))
def test_any_order_in_any_batches_with_copies_gives_the_same_rows(order, cuts, again) -> None:
    expected, found = WorkspaceFactory(), WorkspaceFactory()
    apply(expected, *STORY)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(order)], strict=True):
        if order[start:end]:
            apply(found, *order[start:end])
    apply(found, again)
    assert derived(found) == derived(expected)


def row(failure: Failure) -> tuple[Any, ...]:
    return (failure.subject, failure.attempt, failure.subscription, failure.decline, *failure.keys)


@pytest.mark.django_db
def test_what_the_rows_say(workspace: Workspace) -> None:
    apply(workspace, *STORY)
    with scope(workspace), transaction.atomic():
        assert [row(failure) for failure in Failure.objects.order_by("subject", "attempt")] == [
            ("in_1", 1, "sub_1", "soft", "evt_i1", "evt_p1"),
            ("in_1", 2, "sub_1", "hard", "evt_i2", "evt_p2"),
            ("in_1", 3, "sub_1", "soft", "evt_p3"),
            ("in_2", 1, "sub_1", None, "evt_x1"),
            ("pi_9", 1, None, "soft", "evt_guest"),
        ]
        first = Failure.objects.get(subject="in_1", attempt=1)
        assert (first.payment, first.charge, first.amount, first.currency) == ("pi_1", "ch_p1", 4900, "usd")
        assert (int(first.happened_at.timestamp()), first.attempt_count) == (T, 1)


@pytest.mark.django_db
def test_a_link_that_comes_late_moves_the_failure_to_its_invoice(workspace: Workspace) -> None:
    apply(workspace, lesson(by_payment("p1", 0)))
    with scope(workspace), transaction.atomic():
        assert [row(failure) for failure in Failure.objects.all()] == [("pi_1", 1, None, "soft", "evt_p1")]
    apply(workspace, LINK)
    with scope(workspace), transaction.atomic():
        assert [row(failure) for failure in Failure.objects.all()] == [("in_1", 1, None, "soft", "evt_p1")]
    apply(workspace, lesson(by_invoice("i1", 1)))
    with scope(workspace), transaction.atomic():
        assert [row(failure) for failure in Failure.objects.all()] == [("in_1", 1, "sub_1", "soft", "evt_i1", "evt_p1")]


@pytest.mark.django_db
def test_failures_of_another_workspace_and_of_the_other_mode_are_left_alone(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    apply(other, *STORY)
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, Mode.LIVE, STORY, NOW)
    before = derived(other)
    apply(workspace, lesson(by_payment("p1", 0)))
    assert derived(other) == before
    with scope(workspace), transaction.atomic():
        assert Failure.objects.filter(mode=Mode.LIVE).count() == 5
        assert [row(failure) for failure in Failure.objects.filter(mode=Mode.TEST)] == [
            ("pi_1", 1, None, "soft", "evt_p1")
        ]


@pytest.mark.django_db
def test_a_batch_costs_three_statements_at_most_for_its_failures(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    apply(workspace, *STORY)
    facts = [fact for one in STORY for fact in one.facts]
    links = [link for one in STORY for link in one.links]
    with scope(workspace), transaction.atomic():
        Failure.objects.all().delete()
        with django_assert_num_queries(3):
            standing.collect(workspace.pk, "test", facts, [], links)
        assert Failure.objects.count() == 5
