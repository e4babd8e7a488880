"""What became of failed payments, by month of failure: the published vector 18, and what must not count."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from billing.metrics.explain import Question, explain
from billing.metrics.periods import Period
from billing.metrics.recovery import Recovery, recovery, recovery_by_month
from billing.modes import Mode
from billing.money import Money, total
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import FailureFactory, InvoiceFactory, PaymentFactory, SubscriptionFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

UTC_ZONE, AUCKLAND = ZoneInfo("UTC"), ZoneInfo("Pacific/Auckland")
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
NOW = datetime(2026, 4, 20, tzinfo=UTC)


def failed(
    workspace: Workspace,
    minor: int,
    status: str,
    at: str = "2026-03-10T12:00",
    subscription: str | None = None,
    **fields: Any,
) -> str:
    """An invoice whose collection failed, and what has become of it."""
    happened = datetime.fromisoformat(at).replace(tzinfo=UTC)
    more = {"mode": "test", "amount": minor, "currency": "usd", "invoice_event": "evt_failed", **fields}
    made = FailureFactory(workspace=workspace, happened_at=happened, **more)
    InvoiceFactory(
        workspace=workspace, mode=more["mode"], stripe_id=made.invoice, status=status, subscription=subscription
    )
    name: str = made.invoice
    return name


def months(workspace: Workspace, period: Period = MARCH, zone: ZoneInfo = UTC_ZONE) -> dict[str, list[Recovery]]:
    with scoped_transaction(workspace):
        return recovery_by_month(workspace.pk, Mode.TEST, period, zone)


def vector(workspace: Workspace) -> None:
    """1,000 failed, 400 recovered, 100 cancelled, 500 open."""
    failed(workspace, 40_000, "paid")
    failed(workspace, 10_000, "void")
    failed(workspace, 30_000, "open")
    failed(workspace, 20_000, "open")


def test_18_what_is_open_counts_as_not_recovered(workspace: Workspace) -> None:
    vector(workspace)
    (march,) = months(workspace)["usd"]
    assert (march.failed.plain(), march.recovered.plain(), march.lost.plain(), march.at_risk.plain()) == (
        "1000.00",
        "400.00",
        "100.00",
        "500.00",
    )
    assert (march.rate, march.invoices, march.month) == (Fraction(40, 100), 4, date(2026, 3, 1))


def test_an_invoice_counts_once_in_the_month_of_its_first_failure(workspace: Workspace) -> None:
    invoice = failed(workspace, 5_000, "open", "2026-03-31T23:00")
    FailureFactory(
        workspace=workspace, invoice=invoice, attempt=2, amount=5_000, happened_at=NOW, invoice_event="evt_2"
    )
    assert [month.failed.plain() for month in months(workspace)["usd"]] == ["50.00"]
    both = Period(date(2026, 3, 1), date(2026, 4, 30))
    assert [(m.month, m.failed.plain()) for m in months(workspace, both)["usd"]] == [(date(2026, 3, 1), "50.00")]
    assert [m.month for m in months(workspace, both, AUCKLAND)["usd"]] == [date(2026, 4, 1)]
    assert months(workspace, MARCH, AUCKLAND) == {}


def test_payments_without_an_invoice_count_by_their_own_state(workspace: Workspace) -> None:
    for status in ("succeeded", "canceled", "requires_payment_method"):
        payment = PaymentFactory(workspace=workspace, status=status).stripe_id
        FailureFactory(
            workspace=workspace,
            subject=payment,
            invoice=None,
            amount=100,
            happened_at=datetime(2026, 3, 2, tzinfo=UTC),
            payment_event="evt_1",
        )
    (march,) = months(workspace)["usd"]
    assert [march.recovered.minor, march.lost.minor, march.at_risk.minor] == [100, 100, 100]


def test_what_an_ended_subscription_owes_is_lost_until_it_is_paid_after_all(workspace: Workspace) -> None:
    for status, minor in (("canceled", 1), ("incomplete_expired", 10), ("past_due", 100), ("unpaid", 1_000)):
        subscription = SubscriptionFactory(workspace=workspace, mode="test", status=status).stripe_id
        failed(workspace, minor, "open", subscription=subscription)
        failed(workspace, 10_000 * minor, "paid", subscription=subscription)
    (march,) = months(workspace)["usd"]
    assert [march.lost.minor, march.at_risk.minor, march.recovered.minor] == [11, 1_100, 11_110_000]


def test_nobody_elses_failures_count(workspace: Workspace) -> None:
    failed(workspace, 5_000, "open", mode="live")
    failed(WorkspaceFactory(), 5_000, "open")
    failed(workspace, 5_000, "open", "2026-04-01T00:00")
    assert months(workspace) == {}


def test_without_failures_there_is_no_rate() -> None:
    assert recovery([], "usd").rate is None


@pytest.mark.parametrize("metric", ["failed", "recovered", "at_risk", "lost"])
def test_rows_sum_to_the_amounts(workspace: Workspace, metric: str) -> None:
    vector(workspace)
    failed(workspace, 700, "paid", currency="eur")
    with scoped_transaction(workspace):
        found = explain(workspace.pk, Mode.TEST, Question(metric, "usd", MARCH), UTC_ZONE, NOW, "usd")
    assert isinstance(found.value, Money)
    assert total([row.amount for row in found.rows.failed], "usd") == found.rows.amount == found.value
    assert {row.event_id for row in found.rows.failed} == {"evt_failed"}


def test_the_page_of_the_rate_has_its_months(workspace: Workspace, viewer_client: Client) -> None:
    at = f"{datetime.now(UTC).date()}T00:00"
    invoice = failed(workspace, 40_000, "paid", at)
    failed(workspace, 60_000, "open", at)
    text = viewer_client.get("/w/acme/test/numbers/recovery_rate/?currency=usd").content.decode()
    assert "= $400.00 ÷ $1,000.00" in text
    assert "40.00%" in text
    assert "By month of failure" in text
    assert f"/w/acme/test/invoices/{invoice}/" in text
