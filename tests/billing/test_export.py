"""Lists as CSV: complete, in short transactions, exact amounts, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lists import rows as pieces
from billing.lists.export import cell
from billing.money import Money
from pqintel.workspaces.models import Workspace
from tests.factories import (
    THEN,
    CustomerFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    PaymentFactory,
    SubscriptionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exported(viewer_client: Client) -> Callable[..., list[dict[str, str]]]:
    """A list as CSV, read back."""

    def export(name: str, **query: str) -> list[dict[str, str]]:
        answer = viewer_client.get(f"/w/acme/test/{name}.csv", query)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert f'filename="acme-test-{name}-' in answer.headers["Content-Disposition"]
        assert isinstance(answer, StreamingHttpResponse)
        text = b"".join(answer.streaming_content).decode("utf-8")  # type: ignore[arg-type]  # never asynchronous here
        return list(csv.DictReader(StringIO(text, newline="")))

    return export


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 123", "'+49 30 123"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ('=HYPERLINK("http://x")', "'=HYPERLINK(\"http://x\")"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (Money(-4900, "usd"), "-49.00"),
        (Money(5000, "jpy"), "5000"),
        (Money(Decimal("3500.5"), "kwd"), "3.500"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00Z"),
    ],
)  # fmt: skip
def test_cells(value: Any, expected: str) -> None:
    assert cell(value) == expected


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_text_of_anybodys_becomes_a_formula(
    workspace: Workspace, exported: Callable[..., list[dict[str, str]]], evil: str
) -> None:
    CustomerFactory(workspace=workspace, stripe_id=evil, name=evil, email=evil, country=evil)
    SubscriptionFactory(workspace=workspace, stripe_id=evil, customer=evil, status=evil, items=[{"price": evil}])
    InvoiceFactory(workspace=workspace, stripe_id=evil, customer=evil, number=evil, subscription=evil, status=evil)
    PaymentFactory(workspace=workspace, stripe_id=evil, customer=evil, status=evil, charge=evil, decline_code=evil)
    HistoryEntryFactory(workspace=workspace, kind=evil, object_id=evil, customer=evil, event_id=evil)
    for name in ("customers", "subscriptions", "invoices", "payments", "history"):
        (line,) = exported(name)
        held = [value for value in line.values() if evil in value]
        assert len(held) >= 3
        assert {value[0] for value in line.values() if value} & set("=+-@\t\r") == set()


def test_the_whole_of_what_was_asked_for_in_short_pieces(
    workspace: Workspace, exported: Callable[..., list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "EXPORT_ROWS", 10)
    for number in range(35):
        status = "paid" if number % 5 else "open"
        InvoiceFactory(workspace=workspace, stripe_id=f"in_{number:02}", status=status)
    with CaptureQueriesContext(connection) as queries:
        lines = exported("invoices", status="paid", after="1.5", q="")
    assert [line["id"] for line in lines] == [f"in_{n:02}" for n in range(34, -1, -1) if n % 5]
    assert len([q for q in queries if "LIMIT 11" in q["sql"]]) == 3


def test_amounts_are_exact_and_in_major_units(
    workspace: Workspace, exported: Callable[..., list[dict[str, str]]]
) -> None:
    InvoiceFactory(workspace=workspace, currency="jpy", amount_due=5000, amount_paid=1, number='Ünïcode, "x"\n2')
    (line,) = exported("invoices")
    assert (line["currency"], line["amount_due"], line["amount_paid"]) == ("jpy", "5000", "1")
    assert line["number"] == 'Ünïcode, "x"\n2'
    assert line["created"] == "2026-03-01T12:00:00Z"
    assert line["paid_at"] == ""


def test_a_customer_with_two_currencies_has_two_lines(
    workspace: Workspace, exported: Callable[..., list[dict[str, str]]]
) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_2", created=THEN)
    CustomerFactory(workspace=workspace, stripe_id="cus_1", created=datetime(2026, 2, 1, tzinfo=UTC))
    MrrSpanFactory(workspace=workspace, customer="cus_2", monthly=Decimal("4166.666666666666666667"))
    MrrSpanFactory(workspace=workspace, customer="cus_2", currency="eur", monthly=Decimal(100), trial=True)
    found = [(line["id"], line["currency"], line["mrr"], line["trial_mrr"]) for line in exported("customers")]
    assert found == [("cus_2", "eur", "", "1.00"), ("cus_2", "usd", "41.67", ""), ("cus_1", "", "", "")]


def test_an_empty_list_is_its_headings(workspace: Workspace, viewer_client: Client) -> None:
    answer = viewer_client.get("/w/acme/test/payments.csv")
    assert b"".join(answer.streaming_content) == (
        b"id,customer,customer_name,status,currency,amount,amount_received,failure_reason,charge,invoices,created\r\n"
    )
