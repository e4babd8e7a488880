"""The list of cases as CSV: the filters kept, amounts exact, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lists import rows as pieces
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from tests.factories import THEN, CustomerFactory
from tests.factories_dunning import CaseFactory

pytestmark = pytest.mark.django_db

URL = "/w/acme/test/dunning/"


def export(client: Client, **query: str) -> list[dict[str, str]]:
    answer = client.get(f"{URL}cases.csv", query)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="acme-test-cases-' in answer.headers["Content-Disposition"]
    assert isinstance(answer, StreamingHttpResponse)
    text = b"".join(answer.streaming_content).decode("utf-8")  # type: ignore[arg-type]  # never asynchronous here
    return list(csv.DictReader(StringIO(text, newline="")))


def case(workspace: Workspace, invoice: str, **more: Any) -> Any:
    return CaseFactory(workspace=workspace, **{"mode": Mode.TEST, "invoice": invoice, **more})


def test_a_case_as_a_line(workspace: Workspace, viewer_client: Client) -> None:
    CustomerFactory(workspace=workspace, mode=Mode.TEST, stripe_id="cus_1", name="=cmd()")
    closed = THEN + timedelta(days=5)
    case(
        workspace, "in_1", number="-1+2", customer="cus_1", amount=123456, currency="jpy", attempts=3, state="resolved",
        reason="+49 30 123", closed_at=closed, next_step=None, next_step_at=None,
    )  # fmt: skip
    case(workspace, "in_2", customer="cus_2", opened_at=THEN - timedelta(days=1), paused_at=THEN)
    first, second = export(viewer_client)
    assert first == {
        "invoice": "in_1",
        "number": "'-1+2",
        "customer": "cus_1",
        "customer_name": "'=cmd()",
        "state": "Resolved",
        "reason": "'+49 30 123",
        "currency": "jpy",
        "amount": "123456",
        "failed_attempts": "3",
        "opened_at": THEN.isoformat().replace("+00:00", "Z"),
        "next_step": "",
        "next_step_at": "",
        "paused": "false",
        "closed_at": closed.isoformat().replace("+00:00", "Z"),
    }
    assert (second["invoice"], second["number"], second["amount"], second["paused"]) == (
        "in_2",
        "in_2",
        "49.00",
        "true",
    )
    assert (second["next_step"], second["next_step_at"][:10]) == (
        "First reminder",
        (THEN + timedelta(days=3)).date().isoformat(),
    )


def test_the_filters_of_the_list_hold_and_nothing_of_elsewhere_is_in_it(
    workspace: Workspace, viewer_client: Client
) -> None:
    case(workspace, "in_open")
    case(workspace, "in_lost", state="lost", closed_at=THEN)
    case(workspace, "in_live", mode=Mode.LIVE, state="lost")
    CaseFactory(mode=Mode.TEST, invoice="in_other", state="lost")
    shown = viewer_client.get(f"{URL}?status=lost").content.decode()
    assert 'href="/w/acme/test/dunning/cases.csv?status=lost"' in shown
    assert [row["invoice"] for row in export(viewer_client, status="lost")] == ["in_lost"]
    assert {row["invoice"] for row in export(viewer_client)} == {"in_open", "in_lost"}
    assert export(viewer_client, q="nobody") == []


def test_it_is_read_in_pieces_whose_cost_does_not_grow(
    workspace: Workspace, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "EXPORT_ROWS", 2)
    export(viewer_client)  # what is read once for a session
    counts = []
    for total in (2, 4, 6):
        for number in range(total - 2, total):
            case(workspace, f"in_{number}")
        with CaptureQueriesContext(connection) as queries:
            assert len(export(viewer_client)) == total
        counts.append(len(queries))
    assert counts[2] - counts[1] == counts[1] - counts[0]
