"""What happens is told at once, once, under its conditions; bursts come together, what is old comes not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Watch
from billing.models import HistoryEntry
from billing.modes import Mode
from integrations.models import Delivery
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories import (
    AccessFactory,
    ChannelFactory,
    CustomerFactory,
    FailureFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    PriceFactory,
    ProductFactory,
    SubscriptionFactory,
)
from tests.factories_alerts import RuleChannelFactory

pytestmark = pytest.mark.django_db

ANY_FAILURE: dict[str, Any] = {"minimums": {}}
ANY = {"minimums": {}, "tier": "", "customer": ""}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def failure(stage: Stage, when: datetime, **of_failure: Any) -> tuple[HistoryEntry, HistoryEntry]:
    """A failed attempt and the two lines that tell of it: the invoice's and the payment's."""
    row = stage.made(FailureFactory, happened_at=when, **{"customer": "cus_1", **of_failure})
    told = {"happened_at": when, "learnt_at": when, "customer": row.customer}
    return (
        stage.made(HistoryEntryFactory, kind="invoice.payment_failed", event_id=row.invoice_event, **told),
        stage.made(HistoryEntryFactory, kind="payment.failed", event_id=row.payment_event, **told),
    )


def line(stage: Stage, kind: str, when: datetime, **of_line: Any) -> HistoryEntry:
    entry: HistoryEntry = stage.made(
        HistoryEntryFactory, **{"kind": kind, "happened_at": when, "learnt_at": when, **of_line}
    )
    return entry


def test_a_failed_payment_is_told_with_everything_that_is_known(stage: Stage) -> None:
    stage.rule("payment_failed", ANY_FAILURE, severity="critical")
    stage.made(CustomerFactory, stripe_id="cus_1", name="Ada GmbH")
    stage.made(ProductFactory, stripe_id="prod_1", name="Growth")
    stage.made(PriceFactory, stripe_id="price_1", product="prod_1")
    stage.made(SubscriptionFactory, stripe_id="sub_1", customer="cus_1", items=[{"price": "price_1"}])
    stage.made(InvoiceFactory, stripe_id="in_1", customer="cus_1", next_payment_attempt=at(3 * 1440))
    by_invoice, by_payment = failure(stage, at(0), invoice="in_1", subscription="sub_1", attempt=2)
    stage.hear(at(0.05), by_invoice, by_payment)
    (message,) = stage.messages()
    assert message.title == "Payment of $49.00 failed: Ada GmbH"
    assert message.heading == "[Test mode] Critical: Payment of $49.00 failed: Ada GmbH"
    assert message.fields == (
        ("Customer", "Ada GmbH"),
        ("Plan", "Growth, monthly"),
        ("Amount", "$49.00"),
        ("Attempt", "2"),
        ("Reason", "insufficient funds – may succeed later"),
        ("Next attempt", "13 Mar 2026, 12:00:00 UTC"),
    )
    assert [link.url for link in message.links] == [
        f"{settings.PQ_BASE_URL}/w/{stage.workspace.slug}/test/customers/cus_1/",
        "https://dashboard.stripe.com/test/customers/cus_1",
    ]


@pytest.mark.parametrize("first", [0, 1])
def test_a_failure_is_told_once_whichever_of_its_events_comes_first(stage: Stage, first: int) -> None:
    stage.rule("payment_failed", ANY_FAILURE)
    lines = failure(stage, at(0))
    if first:  # learnt in the other order
        stage.change(lines[0], event_id="evt_x")
        stage.change(lines[1], event_id=lines[0].event_id, kind="invoice.payment_failed")
        stage.change(lines[0], event_id=lines[1].event_id, kind="payment.failed")
        for one in lines:
            with scoped_transaction(stage.workspace):
                one.refresh_from_db()
    stage.hear(at(0.1), lines[0])
    stage.hear(at(0.2), lines[1])
    assert stage.titles() == ["Payment of $49.00 failed: cus_1"]


def test_a_burst_is_five_messages_and_one_for_the_rest_when_its_minute_is_over(stage: Stage) -> None:
    stage.rule("payment_failed", ANY_FAILURE)
    lines = [one for second in range(17) for one in failure(stage, at(second / 60), customer=f"cus_{second}")]
    stage.hear(at(0.5), *lines)
    assert len(stage.messages()) == 5
    with scoped_transaction(stage.workspace):
        assert Watch.objects.get(workspace=stage.workspace, mode=stage.mode).next_at == at(1)
    stage.evaluate(at(0.9))
    assert len(stage.messages()) == 5
    stage.evaluate(at(1))
    stage.evaluate(at(2))
    assert stage.titles()[5:] == ["And 12 more failed payments within a minute"]
    assert stage.messages()[5].lines == ("Together $588.00.",)
    outcomes = [outcome for outcome, *_ in stage.findings()]
    assert outcomes == ["fired"] * 5 + ["suppressed", "fired"]


def test_a_backlog_that_comes_at_once_is_a_burst(stage: Stage) -> None:
    stage.rule("payment_failed", ANY_FAILURE)
    lines = [one for hour in range(12) for one in failure(stage, at(-60 * hour - 10), customer=f"cus_{hour}")]
    stage.hear(at(0), *lines)
    stage.evaluate(at(1))
    assert len(stage.messages()) == 6


def test_what_is_learnt_more_than_three_days_late_is_skipped(stage: Stage) -> None:
    stage.rule("payment_failed", ANY_FAILURE)
    lines = failure(stage, at(0))
    for one in lines:
        one.learnt_at = at(3 * 1440 + 1)
    stage.hear(at(3 * 1440 + 1), *lines)
    assert stage.messages() == []
    ((outcome, title, reason),) = stage.findings()
    assert (outcome, title) == ("skipped", "Payment of $49.00 failed: cus_1")
    assert reason == "Too old: it was learnt more than three days after it happened."


def test_minimums_are_by_currency_and_leave_others_out(stage: Stage) -> None:
    stage.rule("payment_failed", {"minimums": {"usd": "100", "jpy": "5000"}})
    amounts = [(9_999, "usd"), (10_000, "usd"), (4_999, "jpy"), (5_000, "jpy"), (99_999, "eur")]
    for place, (amount, currency) in enumerate(amounts):
        stage.hear(at(place), *failure(stage, at(place), amount=amount, currency=currency, customer=f"cus_{place}"))
    assert stage.titles() == ["Payment of $100.00 failed: cus_1", "Payment of ¥5,000 failed: cus_3"]


def test_an_event_is_told_to_whom_the_rule_chose_and_nobody_else(stage: Stage) -> None:
    sales = ChannelFactory(workspace=stage.workspace, name="#sales", number=2)
    rule = stage.rule("event", {"kinds": ["checkout.completed"], **ANY})
    RuleChannelFactory(rule=rule, channel=sales)
    stage.rule("event", {"kinds": ["checkout.completed"], **ANY})
    stage.hear(at(0), line(stage, "checkout.completed", at(0), customer="cus_1"), line(stage, "invoice.paid", at(0)))
    assert stage.titles(sales) == ["Checkout completed: cus_1"] * 2
    assert stage.titles(stage.channel) == ["Checkout completed: cus_1"]
    stage.change(sales, removed_at=at(1))
    stage.hear(at(2), line(stage, "checkout.completed", at(2), customer="cus_2"))
    assert [finding[0::2] for finding in stage.findings()[2:]] == [
        ("skipped", "No channel to send it to."),
        ("fired", ""),
    ]


def test_conditions_of_an_event_all_hold(stage: Stage) -> None:
    stage.rule("event", {"kinds": ["invoice.paid"], "minimums": {"usd": "50"}, "tier": "growth", "customer": ""})
    stage.made(AccessFactory, customer="cus_growth", tier="growth")
    stage.made(AccessFactory, customer="cus_free", tier="free")
    AccessFactory(workspace=stage.workspace, mode=Mode.LIVE, customer="cus_live", tier="growth")
    paid: list[tuple[str, dict[str, Any]]] = [
        ("cus_growth", {"amount": 5_000, "currency": "usd"}),
        ("cus_growth", {"amount": 4_999, "currency": "usd"}),
        ("cus_growth", {"amount": 9_000, "currency": "eur"}),
        ("cus_growth", {}),
        ("cus_free", {"amount": 9_000, "currency": "usd"}),
        ("cus_live", {"amount": 9_000, "currency": "usd"}),
    ]
    stage.hear(at(0), *(line(stage, "invoice.paid", at(0), customer=who, after=after) for who, after in paid))
    assert stage.titles() == ["Invoice paid: cus_growth"]
    assert dict(stage.messages()[0].fields)["Amount"] == "$50.00"


def test_one_customer_alone(stage: Stage) -> None:
    stage.rule("event", {"kinds": ["invoice.paid"], **ANY, "customer": "cus_1"})
    stage.hear(at(0), *(line(stage, "invoice.paid", at(0), customer=who) for who in ("cus_1", "cus_11", None)))
    assert stage.titles() == ["Invoice paid: cus_1"]


@pytest.mark.parametrize(
    ("kind", "when", "of_subscription", "fields"),
    [
        (
            "subscription.ended",
            at(0),
            {"status": "canceled"},
            {"Plan": "Growth, monthly", "MRR lost": "€20.00 + $49.00"},
        ),
        (
            "subscription.ended",
            at(5),
            {"status": "canceled", "ended_at": at(0)},
            {"Plan": "Growth, monthly", "MRR lost": "€20.00 + $49.00"},
        ),
        (
            "subscription.cancel_scheduled",
            at(0),
            {"cancel_at_period_end": True, "current_period_end": at(1440)},
            {"Plan": "Growth, monthly", "MRR": "€20.00 + $49.00", "Ends": "11 Mar 2026, 12:00:00 UTC"},
        ),
        (
            "subscription.cancel_scheduled",
            at(0),
            {"cancel_at": at(2880), "cancel_at_period_end": True, "current_period_end": at(1440)},
            {"Plan": "Growth, monthly", "MRR": "€20.00 + $49.00", "Ends": "12 Mar 2026, 12:00:00 UTC"},
        ),
        ("subscription.started", at(-1000), {}, {"Plan": "Growth, monthly", "MRR": "€20.00 + $49.00"}),
        ("subscription.resumed", at(0), {}, {"Plan": "Growth, monthly"}),
    ],
)
def test_a_line_about_a_subscription_says_what_it_is_worth(
    stage: Stage, kind: str, when: datetime, of_subscription: dict[str, Any], fields: dict[str, str]
) -> None:
    stage.rule("event", {"kinds": [kind], **ANY}, since=at(-2000))
    stage.made(ProductFactory, stripe_id="prod_1", name="Growth")
    stage.made(PriceFactory, stripe_id="price_1", product="prod_1")
    of_one = {"customer": "cus_1", "items": [{"price": "price_1"}], **of_subscription}
    stage.made(SubscriptionFactory, stripe_id="sub_1", **of_one)
    # From the line at -1000 until the one at 0. Those of others, of trials and of other times are none of it.
    held = {"starts": int(at(-1000).timestamp()), "ends": int(at(0).timestamp())}
    ours = {"subscription": "sub_1", "customer": "cus_1"}
    stage.made(MrrSpanFactory, **held, **ours)
    stage.made(MrrSpanFactory, **held, **ours, currency="eur", monthly=2000)
    stage.made(MrrSpanFactory, **held, **ours, monthly=700, trial=True)
    stage.made(MrrSpanFactory, **{**held, "starts": held["starts"] - 9, "ends": held["starts"]}, **ours, monthly=300)
    stage.made(MrrSpanFactory, **held, subscription="sub_2", customer="cus_1")
    MrrSpanFactory(workspace=stage.workspace, mode=Mode.LIVE, **held, **ours)
    about = {"object_kind": "subscription", "object_id": "sub_1", "customer": "cus_1"}
    stage.hear(at(5), line(stage, kind, when, is_change=True, **about))
    (message,) = stage.messages()
    told = dict(message.fields)
    del told["Customer"], told["At"]
    assert told == fields


def test_lines_about_subscriptions_cost_the_same_however_many_there_are(stage: Stage) -> None:
    stage.rule("event", {"kinds": ["subscription.started"], **ANY})
    stage.rule("event", {"kinds": ["subscription.started"], **ANY})

    def statements(count: int, minute: float) -> int:
        lines = []
        for n in range(count):
            name = f"{minute}_{n}"
            sub = stage.made(SubscriptionFactory, customer=f"cus_{name}", items=[{"price": f"price_{name}"}])
            stage.made(MrrSpanFactory, subscription=sub.stripe_id, customer=sub.customer)
            about = {"object_kind": "subscription", "object_id": sub.stripe_id, "customer": sub.customer}
            lines.append(line(stage, "subscription.started", at(minute), is_change=True, **about))
        with CaptureQueriesContext(connection) as queries:
            stage.hear(at(minute), *lines)
        return len(queries)

    statements(1, 0)
    few = statements(7, 10)
    stage.evaluate(at(15))
    assert statements(20, 20) == few


def test_a_step_that_is_taken_back_and_comes_again_is_told_once(stage: Stage) -> None:
    stage.rule("event", {"kinds": ["subscription.ended"], **ANY})
    step = {"event_id": "evt_1", "object_id": "sub_1", "is_change": True}
    stage.hear(at(0), line(stage, "subscription.ended", at(0), superseded_at=at(1), **step))
    stage.hear(at(2), line(stage, "subscription.ended", at(0), **step))
    assert stage.titles() == ["Subscription ended"]


def test_events_that_are_set_aside_keep_their_distance(stage: Stage) -> None:
    stage.rule("quarantine", cooldown_seconds=3600)
    after = {"type": "invoice.paid", "reason": "No currency."}
    stage.hear(at(0), line(stage, "event.quarantined", at(0), event_id="evt_1", after=after))
    stage.sent()
    stage.hear(at(1), line(stage, "event.quarantined", at(1), event_id="evt_2", after=after))
    stage.hear(at(60), line(stage, "event.quarantined", at(60), event_id="evt_3", after=after))
    assert stage.titles() == ["An event was set aside: invoice.paid"] * 2
    assert [outcome for outcome, *_ in stage.findings()] == ["fired", "suppressed", "fired"]
    assert dict(stage.messages()[1].fields)["Event"] == "evt_3"


def test_a_price_without_a_tier(stage: Stage) -> None:
    stage.rule("unmapped_price")
    stage.made(PriceFactory, stripe_id="price_9", product=None, nickname="Odd one")
    told = {"object_kind": "price", "object_id": "price_9", "customer": "cus_1"}
    stage.hear(at(0), line(stage, "price.unmapped", at(0), **told))
    assert stage.titles() == ["A price has no tier: Odd one, monthly"]


@pytest.mark.parametrize(
    ("of_rule", "outcome", "reason"),
    [
        ({"test_mode": True}, "skipped", "The rule is muted: nothing is sent."),
        ({"silenced_until": at(10)}, "suppressed", "Silenced."),
    ],
)
def test_what_is_not_said_is_written_down(stage: Stage, of_rule: dict[str, Any], outcome: str, reason: str) -> None:
    stage.rule("event", {"kinds": ["invoice.paid"], **ANY}, **of_rule)
    stage.hear(at(0), *(line(stage, "invoice.paid", at(0), customer="cus_1") for _ in range(3)))
    assert stage.findings() == [(outcome, "Invoice paid: cus_1", reason)]
    assert stage.messages() == []


def test_a_batch_costs_the_same_however_many_lines_it_has(stage: Stage) -> None:
    for kind, params in (
        ("payment_failed", ANY_FAILURE),
        ("event", {"kinds": ["invoice.paid"], **ANY, "tier": "growth"}),
    ):
        stage.rule(kind, params)
        stage.rule(kind, params)

    def statements(count: int, minute: float) -> int:
        lines = [one for n in range(count) for one in failure(stage, at(minute), customer=f"cus_{minute}_{n}")]
        lines += [line(stage, "invoice.paid", at(minute), customer=f"cus_{n}") for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            stage.hear(at(minute), *lines)
        return len(queries)

    statements(1, 0)
    few = statements(7, 10)
    stage.evaluate(at(15))
    assert statements(40, 20) == few == 29
    with scoped_transaction(stage.workspace):
        assert Delivery.objects.filter(workspace=stage.workspace).count() == 2 * (1 + 5 + 1 + 5)
