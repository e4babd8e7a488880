"""What a summary says, to the cent."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.digest.sending import Composed, compose
from alerts.models import Cadence
from billing.dashboard import standing
from billing.models import ExchangeRate
from billing.modes import Mode
from integrations.channels import Link
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import (
    ConnectionFactory,
    DriftFactory,
    InboxEventFactory,
    ReconciliationFactory,
    SyncStateFactory,
    WorkspaceFactory,
)

from .stage import CONNECTED, DAY, MORNING, at, busy_day, connected, euros, failed, span

pytestmark = pytest.mark.django_db
TUESDAY = DAY.date()
BUSY = (
    ("MRR", "$135.00 (+$35.00), +35.00%"),
    ("New", "+$30.00 (1)"),
    ("Expansion", "+$20.00 (1)"),
    ("Voluntary churn", "−$15.00 (1)"),
    ("Active subscribers", "3 (±0)"),
    ("New subscriptions", "2"),
    ("Cancellations", "1 scheduled, 1 ended"),
    ("Failed payments", "$59.00 (2 invoices)"),
    ("Recovered", "$17.00 (2 invoices)"),
    ("At risk, of 30 days", "$51.00"),
    ("Scheduled churn", "$25.00 (1 subscription)"),
)
QUIET = (
    ("New subscriptions", "none"),
    ("Cancellations", "none"),
    ("Failed payments", "none"),
    ("Recovered", "none"),
    ("At risk, of 30 days", "none"),
)


def made(
    workspace: Workspace,
    cadence: Cadence = Cadence.DAILY,
    day: date = TUESDAY,
    mode: Mode = Mode.LIVE,
    now: datetime = MORNING,
) -> Composed:
    with scoped_transaction(workspace):
        return compose(workspace, mode, cadence, day, standing(workspace, mode, now), now)


def test_a_day_in_one_currency(workspace: Workspace) -> None:
    connected(workspace)
    busy_day(workspace)
    message = made(workspace).message
    assert message.title == "Acme, Tue 10 Mar 2026: MRR $135.00 (+$35.00)"
    assert message.lines == ()
    assert message.fields == BUSY
    assert message.link == Link(
        f"{settings.PQ_BASE_URL}/w/acme/live/?range=custom&from=2026-03-10&to=2026-03-10", "Open the dashboard"
    )


def test_other_workspaces_and_the_other_mode_change_nothing(workspace: Workspace) -> None:
    connected(workspace)
    other = WorkspaceFactory()
    connected(other)
    busy_day(other)
    ConnectionFactory(workspace=workspace, mode=Mode.TEST, connected_at=CONNECTED)
    busy_day(workspace, Mode.TEST)
    assert made(workspace).message.fields == (("MRR", "none"), *QUIET)
    assert made(workspace).message.title == "Acme, Tue 10 Mar 2026"
    assert made(workspace, mode=Mode.TEST).message.fields == BUSY


def test_several_currencies_in_the_reporting_one_and_each_for_itself(workspace: Workspace) -> None:
    connected(workspace)
    busy_day(workspace)
    euros(workspace)
    failed(workspace, 500, at(2), currency="eur", status="paid", paid_at=at(3))
    message = made(workspace).message
    assert message.lines == ()
    # 50.00 € was worth $55.00, and is $60.00 at the day's rate; 10.00 € is $12.00.
    assert message.title == "Acme, Tue 10 Mar 2026: MRR $207.00 (+$52.00)"
    assert message.fields == (
        ("MRR, all in USD", "$207.00 (+$52.00), +33.55%"),
        ("New", "+$42.00 (2)"),
        ("Expansion", "+$20.00 (1)"),
        ("Voluntary churn", "−$15.00 (1)"),
        ("Exchange rates", "+$5.00"),
        ("Active subscribers", "5 (+1)"),
        ("New subscriptions", "2"),
        ("Cancellations", "1 scheduled, 1 ended"),
        ("Failed payments", "€5.00 (1 invoice), $59.00 (2 invoices)"),
        ("Recovered", "€5.00 (1 invoice), $17.00 (2 invoices)"),
        ("At risk, of 30 days", "$51.00"),
        ("Scheduled churn", "$25.00 (1 subscription)"),
        (
            "In USD",
            "MRR $135.00 (+$35.00); new +$30.00; expansion +$20.00; voluntary churn −$15.00; 3 subscribers",
        ),
        ("In EUR", "MRR €60.00 (+€10.00); new +€10.00; 2 subscribers"),
    )


def test_a_rate_that_is_missing_is_said(workspace: Workspace) -> None:
    connected(workspace)
    busy_day(workspace)
    euros(workspace)
    ExchangeRate.objects.all().delete()
    message = made(workspace).message
    assert message.title == "Acme, Tue 10 Mar 2026"
    assert message.lines == ("No exchange rate of USD on 9 March 2026: not everything can be added up.",)
    assert message.fields[:2] == (("MRR, all in USD", "n/a"), ("Active subscribers", "5 (+1)"))


def test_a_week_is_seven_days_and_a_day_is_cut_in_the_workspaces_zone(workspace: Workspace) -> None:
    connected(workspace)
    span(workspace, "ada", 5000, at(0, -7))  # the first instant of the eighth day before
    span(workspace, "bob", 700, at(0, -6))
    span(workspace, "eve", 90, at(23.9))
    week = made(workspace, Cadence.WEEKLY)
    assert week.message.title == "Acme, week of 4–10 Mar 2026: MRR $57.90 (+$7.90)"
    assert week.message.fields[:3] == (
        ("MRR", "$57.90 (+$7.90), +15.80%"),
        ("New", "+$7.90 (2)"),
        ("Active subscribers", "3 (+2)"),
    )
    quiet = made(workspace, day=date(2026, 3, 8)).message
    assert quiet.title == "Acme, Sun 8 Mar 2026: MRR $57.00 (unchanged)"
    assert quiet.fields[:2] == (("MRR", "$57.00 (unchanged)"), ("Active subscribers", "2 (±0)"))
    assert made(workspace, Cadence.WEEKLY, date(2026, 3, 2)).message.title == "Acme, week of 24 Feb–2 Mar 2026"
    eastern = WorkspaceFactory(timezone="Asia/Tokyo")
    connected(eastern)
    span(eastern, "a", 100, at(14.9))  # 23:54 of that day in Tokyo
    span(eastern, "b", 1000, at(15))  # midnight
    failed(eastern, 20, at(-9))
    failed(eastern, 300, at(15))
    assert made(eastern).message.fields[:2] == (("MRR", "$1.00 (+$1.00)"), ("New", "+$1.00 (1)"))
    assert ("Failed payments", "$0.20 (1 invoice)") in made(eastern).message.fields


def test_trouble_is_said_first(workspace: Workspace) -> None:
    stripe = ConnectionFactory(workspace=workspace, mode=Mode.LIVE, connected_at=CONNECTED, status="broken")
    SyncStateFactory(workspace=workspace, mode=Mode.LIVE)
    for number in range(2):
        InboxEventFactory(connection=stripe, event_id=f"evt_{number}", state="quarantined")
    run = ReconciliationFactory(connection=stripe, finished_at=MORNING)
    DriftFactory(reconciliation=run)
    DriftFactory(reconciliation=run, field="customer", repaired_at=MORNING)
    assert made(workspace).message.lines == (
        "Stripe’s events do not come: the connection is broken. These numbers miss what happened since.",
        "2 events are set aside, because they could not be processed.",
        "The last comparison with Stripe left 1 difference open.",
    )


def test_the_numbers_are_kept_as_text(workspace: Workspace) -> None:
    connected(workspace)
    busy_day(workspace)
    kept = made(workspace).said.document
    assert kept["currencies"]["usd"] == {
        "currency": "usd",
        "mrr": "135.00",
        "change": "35.00",
        "movements": {
            "new": "30.00",
            "reactivation": "0.00",
            "expansion": "20.00",
            "contraction": "0.00",
            "churn": "-15.00",
            "involuntary_churn": "0.00",
            "fx": "0.00",
            "count": {
                "new": 1,
                "reactivation": 0,
                "expansion": 1,
                "contraction": 0,
                "churn": 1,
                "involuntary_churn": 0,
            },
        },
        "active_subscribers": 3,
        "active_subscribers_change": 0,
        "missing_rates": [],
    }
    assert {name: value for name, value in kept.items() if name != "currencies"} == {
        "from": "2026-03-10",
        "to": "2026-03-10",
        "all": None,
        "subscriptions": {"started": 2, "cancelled": 1, "ended": 1},
        "failed": {"usd": {"amount": "59.00", "count": 2}},
        "recovered": {"usd": {"amount": "17.00", "count": 2}},
        "at_risk": {"usd": "51.00"},
        "scheduled_churn": {"usd": {"amount": "25.00", "count": 1}},
        "quarantined": 0,
        "drifts": 0,
    }


def test_the_cost_does_not_grow_with_what_there_is(workspace: Workspace) -> None:
    connected(workspace)
    made(workspace)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            made(workspace)
        return len(captured)

    empty = statements()
    busy_day(workspace)
    euros(workspace)
    assert statements() <= empty + 2  # exchange rates are read where there are two currencies
    assert empty <= 20
