"""The dashboard: its numbers, its silence while nothing is new, its words, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from billing.actions.movements import refresh
from billing.metrics.mrr import day_end, mrr_at
from billing.models import OPEN_END, HistoryEntry
from billing.modes import Mode
from billing.money import Money
from billing.story import line
from pqintel.workspaces.models import User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import (
    ConnectionFactory,
    CustomerFactory,
    HistoryEntryFactory,
    MrrSpanFactory,
    PriceFactory,
    ProductFactory,
    SyncStateFactory,
    UserFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

MARCH = 1_772_323_200  # 2026-03-01T00:00:00Z
DAY = 86_400


def span(workspace: Workspace, customer: str, minor: str, **fields: object) -> None:
    defaults = {
        "workspace": workspace,
        "mode": "test",
        "subscription": f"sub_{customer}",
        "customer": customer,
        "item": f"si_{customer}",
        "price": "price_1",
        "currency": "usd",
        "monthly": Decimal(minor),
        "trial": False,
        "starts": MARCH,
        "ends": OPEN_END,
    }
    made = MrrSpanFactory(**{**defaults, **fields})
    with scoped_transaction(workspace):
        refresh(workspace.pk, str(made.mode), [made.customer], ZoneInfo(workspace.timezone))


def test_mrr_is_the_sum_of_the_spans_that_hold_the_instant_per_currency(workspace: Workspace) -> None:
    span(workspace, "a", "10000")
    span(workspace, "a", "5000", item="si_2", price="price_2")
    span(workspace, "b", "2000", ends=MARCH + DAY)
    span(workspace, "c", "700", trial=True)
    span(workspace, "d", "500000", currency="jpy")
    span(workspace, "e", "99", mode="live")
    span(WorkspaceFactory(), "f", "123456")
    with scope(workspace), transaction.atomic():
        first = mrr_at(workspace.pk, Mode.TEST, datetime.fromtimestamp(MARCH + DAY - 1, UTC))
        then = mrr_at(workspace.pk, Mode.TEST, datetime.fromtimestamp(MARCH + DAY, UTC))
        before = mrr_at(workspace.pk, Mode.TEST, datetime.fromtimestamp(MARCH - 1, UTC))
    assert [(c.currency, c.mrr.plain(), c.trial_mrr.plain(), c.active_subscribers) for c in first.currencies] == [
        ("jpy", "500000", "0", 1),
        ("usd", "170.00", "7.00", 2),
    ]
    usd = then.currencies[1]
    assert (usd.mrr.plain(), usd.active_subscribers, then.active_subscribers) == ("150.00", 1, 2)
    assert [(p.price, p.mrr.plain(), p.active_subscribers) for p in usd.plans] == [
        ("price_1", "100.00", 1),
        ("price_2", "50.00", 1),
    ]
    assert before.currencies == ()


def test_plans_carry_the_products_name_and_the_interval(workspace: Workspace) -> None:
    ProductFactory(workspace=workspace, mode="test", stripe_id="prod_1", name="Growth")
    PriceFactory(
        workspace=workspace, mode="test", stripe_id="price_1", product="prod_1", interval="month", interval_count=3
    )
    span(workspace, "a", "7500")
    span(workspace, "b", "2500", price="price_unknown")
    with scope(workspace), transaction.atomic():
        (usd,) = mrr_at(workspace.pk, Mode.TEST, datetime.fromtimestamp(MARCH, UTC)).currencies
    assert [(p.name, p.interval_label, p.share) for p in usd.plans] == [
        ("Growth", "every 3 months", 75),
        ("price_unknown", "", 25),
    ]


def test_a_day_ends_at_midnight_of_its_zone() -> None:
    assert day_end(date(2026, 2, 28), ZoneInfo("America/New_York")) == MARCH + 5 * 3600
    assert day_end(date(2026, 3, 4), ZoneInfo("UTC")) == MARCH + 4 * DAY


def test_the_page_shows_the_numbers_and_the_indicator(workspace: Workspace, viewer_client: Client) -> None:
    ConnectionFactory(workspace=workspace, mode="test", status="connected")
    SyncStateFactory(workspace=workspace, mode="test")
    CustomerFactory(workspace=workspace, mode="test", stripe_id="a", name="<b>Ada & Co</b>")
    span(workspace, "a", "1250000")
    HistoryEntryFactory(
        workspace=workspace,
        mode="test",
        kind="invoice.payment_failed",
        is_change=False,
        customer="a",
        after={"amount": 4900, "currency": "usd", "attempt_count": 2},
    )
    page = viewer_client.get("/w/acme/test/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "$12,500" in text
    assert "Payment failed" in text
    assert "&lt;b&gt;Ada &amp; Co&lt;/b&gt;" in text
    assert "<b>Ada" not in text
    assert "test data" in text.lower()
    assert page.headers["Content-Security-Policy"].count("unsafe") == 0
    live = viewer_client.get("/w/acme/live/").content.decode()
    assert "$12,500" not in live


def test_the_live_part_is_silent_until_something_is_new(workspace: Workspace, viewer_client: Client) -> None:
    ConnectionFactory(workspace=workspace, mode="test", status="connected")
    state = SyncStateFactory(workspace=workspace, mode="test", version=7)
    seen = viewer_client.get("/w/acme/test/").context["dashboard"].version
    assert viewer_client.get(f"/w/acme/test/live/?seen={seen}").status_code == 204
    with scope(workspace), transaction.atomic():
        state.version = 8
        state.save()
    answer = viewer_client.get(f"/w/acme/test/live/?seen={seen}")
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith("<div")
    assert viewer_client.get("/w/acme/test/live/?seen=nonsense").status_code == 200


def test_nothing_connected_shows_the_next_step(workspace: Workspace, admin_client: Client) -> None:
    text = admin_client.get("/w/acme/live/").content.decode()
    assert "/w/acme/settings/integrations/stripe/" in text


def test_the_page_and_its_silence_cost_a_fixed_number_of_queries(
    workspace: Workspace, viewer_client: Client, django_assert_num_queries: Callable[..., object]
) -> None:
    ConnectionFactory(workspace=workspace, mode="test", status="connected")
    SyncStateFactory(workspace=workspace, mode="test")
    for number in range(40):
        span(workspace, f"c{number}", "100", price=f"price_{number}")
        HistoryEntryFactory(workspace=workspace, mode="test", customer=f"c{number}", event_id=f"evt_{number}")
    seen = viewer_client.get("/w/acme/test/").context["dashboard"].version
    with django_assert_num_queries(19):
        viewer_client.get("/w/acme/test/")
    with django_assert_num_queries(8):
        viewer_client.get(f"/w/acme/test/live/?seen={seen}")


@pytest.mark.parametrize(
    ("kind", "before", "after", "title", "detail", "tone"),
    [
        ("subscription.started", None, {"status": "trialing"}, "Trial started", "", "good"),
        ("subscription.started", None, {"status": "active"}, "Subscription started", "", "good"),
        (
            "subscription.ended",
            {"status": "past_due"},
            {"status": "canceled", "cancellation_reason": "payment_failed"},
            "Subscription ended",
            "after failed payments",
            "bad",
        ),
        ("subscription.trial_converted", {}, {"status": "active"}, "Trial became a subscription", "", "good"),
        ("subscription.cancel_scheduled", {"cancel_at": None}, {"cancel_at": 5}, "Cancellation scheduled", "", "bad"),
        (
            "subscription.changed",
            {"status": "active"},
            {"status": "brand_new"},
            "Subscription brand new",
            "",
            "neutral",
        ),
        ("invoice.status_changed", {"status": "open"}, {"status": "void"}, "Invoice voided", "", "neutral"),
        (
            "subscription.changed",
            {"items": [{"price": "p", "quantity": 2}]},
            {"items": [{"price": "p", "quantity": 5}]},
            "Quantity changed",
            "2 → 5",
            "good",
        ),
        (
            "subscription.changed",
            {"items": [{"price": "p", "quantity": 2}]},
            {"items": [{"price": "q", "quantity": 2}]},
            "Plan changed",
            "",
            "neutral",
        ),
        ("payment.failed", None, {"decline_code": "insufficient_funds"}, "Card declined", "insufficient funds", "bad"),
        ("access.granted", None, {"tier": "growth", "seats": 5}, "Access granted", "growth", "good"),
        (
            "access.lost",
            {"tier": "growth", "seats": 5},
            {"tier": None, "seats": 0},
            "Access lost",
            "growth → none",
            "bad",
        ),
        (
            "access.changed",
            {"tier": "growth", "seats": 5},
            {"tier": "growth", "seats": None},
            "Access changed",
            "seats 5 → unlimited",
            "neutral",
        ),
        ("price.unmapped", None, {"price": "price_1"}, "Price without a plan", "price_1", "bad"),
        ("something.new_here", None, {}, "Something new here", "", "neutral"),
    ],
)
def test_history_in_words(kind: str, before: object, after: object, title: str, detail: str, tone: str) -> None:
    entry = HistoryEntry(kind=kind, before=before, after=after, event_id="evt_1")
    told = line(entry, "Ada")
    assert (told.title, told.detail, told.tone, told.customer_label) == (title, detail, tone, "Ada")


def test_an_amount_is_told_in_its_currency() -> None:
    entry = HistoryEntry(kind="invoice.paid", after={"amount": 5000, "currency": "jpy"}, event_id="evt_1")
    assert line(entry, "").amount == Money(5000, "jpy")


def test_the_command_prints_what_the_page_shows(workspace: Workspace) -> None:
    span(workspace, "a", "1250000")
    span(workspace, "b", "12.5", starts=MARCH, trial=True)
    out = StringIO()
    call_command(
        "billing_metrics", "acme", mode="test", at=datetime(2026, 3, 1, tzinfo=UTC).date(), json=True, stdout=out
    )
    told = json.loads(out.getvalue())
    assert told["mode"] == "test"
    assert told["as_of"] == "2026-03-01T23:59:59+00:00"
    assert told["currencies"] == {
        "usd": {
            "mrr": "12500.00",
            "trial_mrr": "0.12",
            "active_subscribers": 1,
            "plans": {"price_1": {"name": "price_1", "interval": "", "mrr": "12500.00", "active_subscribers": 1}},
        }
    }


def test_the_command_tells_a_period_beside_what_it_told_before(workspace: Workspace) -> None:
    span(workspace, "a", "10000", ends=MARCH + 10 * DAY)
    span(workspace, "b", "5000", starts=MARCH + DAY)
    out, plain = StringIO(), StringIO()
    march = {"first": datetime(2026, 3, 1, tzinfo=UTC).date(), "last": datetime(2026, 3, 31, tzinfo=UTC).date()}
    call_command("billing_metrics", "acme", mode="test", json=True, stdout=out, **march)
    call_command("billing_metrics", "acme", mode="test", json=True, stdout=plain)
    told = json.loads(out.getvalue())
    period = told.pop("period")
    assert {**told, "as_of": ""} == {**json.loads(plain.getvalue()), "as_of": ""}
    usd = period["currencies"]["usd"]
    assert usd["movements"] == {
        "start": "0.00",
        "new": "150.00",
        "reactivation": "0.00",
        "expansion": "0.00",
        "contraction": "0.00",
        "churn": "-100.00",
        "involuntary_churn": "0.00",
        "fx": "0.00",
        "rounding": "0.00",
        "end": "50.00",
        "net_new": "50.00",
        "count": {
            "new": 2,
            "reactivation": 0,
            "expansion": 0,
            "contraction": 0,
            "churn": 1,
            "involuntary_churn": 0,
        },
    }
    assert (usd["subscriber_churn_30_days"], usd["nrr"], usd["quick_ratio"]) == ("0.500000", None, "1.500000")
    assert (usd["arpa"], usd["ltv"], usd["failed_payments"]["recovery_rate"]) == ("50.00", "100.00", None)
    assert (period["all"]["currency"], period["all"]["missing_rates"]) == ("usd", [])
    with pytest.raises(CommandError, match="needs --from and --to"):
        call_command("billing_metrics", "acme", mode="test", first=march["last"], last=march["first"])


def test_the_command_refuses_an_unknown_workspace(db: None) -> None:
    with pytest.raises(CommandError, match="There is no workspace 'nobody'"):
        call_command("billing_metrics", "nobody", mode="test")


@pytest.mark.parametrize("role", list(Role))
def test_every_member_sees_it_and_nobody_else(
    workspace: Workspace, member_client: Callable[[Role], Client], role: Role, client_of: Callable[[User], Client]
) -> None:
    assert member_client(role).get("/w/acme/test/").status_code == 200
    assert client_of(UserFactory()).get("/w/acme/test/").status_code == 404
    assert Client().get("/w/acme/test/").status_code == 302
